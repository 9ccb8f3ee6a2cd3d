.PHONY: test lint types tutorials notebooks docs bench bench-bayesian bench-mnist bench-overhead \
	bench-selection bench-gpu bench-scale label-studio

test:
	pytest

# the tests of alkit.bridges.label_studio with a real server; the first run installs it (1 GB)
label-studio:
	.ci/label-studio

lint:
	ruff format --check .
	ruff check .
	codespell
	lint-imports

types:
	pyright

# students' versions of all lessons, and executed versions of those that changed; -B executes all
LESSONS = $(patsubst tutorials/source/%.py, build/tutorials/%.ipynb, $(wildcard tutorials/source/*.py))

tutorials: $(LESSONS)
	python tutorials/build.py

build/tutorials/%.ipynb: tutorials/source/%.py
	python tutorials/execute.py $< --out build/tutorials

notebooks:
	python tutorials/execute.py $(wildcard notebooks/source/*.py) --out notebooks

docs: tutorials
	python tutorials/page.py $(LESSONS) --out docs/tutorials
	python tutorials/page.py $(wildcard notebooks/*.ipynb) --out docs/notebooks
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

bench:
	python benchmarks/pool_items.py
	python benchmarks/digits.py
	python benchmarks/cold_start.py
	python benchmarks/monitor.py
	python benchmarks/mc_dropout.py
	python benchmarks/auto.py
	python benchmarks/executors.py
	python benchmarks/adversarial_epochs.py
	python benchmarks/labeling.py

bench-bayesian:
	python benchmarks/batchbald_mnist.py --out benchmarks/results/batchbald_mnist.jsonl
	python benchmarks/redundancy.py --out benchmarks/results/redundancy.jsonl

bench-mnist:
	python benchmarks/mnist_protocol.py --out benchmarks/results/mnist_protocol.json

bench-overhead:
	-python benchmarks/fit_overhead.py --out benchmarks/results/fit_overhead.json
	python benchmarks/query_overhead.py --out benchmarks/results/query_overhead.json

bench-selection:
	python benchmarks/selection.py --out benchmarks/results/selection.json

bench-gpu:
	python benchmarks/gpu.py

bench-scale:
	python benchmarks/pool_scale.py --out benchmarks/results/pool_scale.json
	python benchmarks/pool_scale_page.py
