.PHONY: test lint types docs bench bench-bayesian bench-mnist bench-selection

test:
	pytest

lint:
	ruff format --check .
	ruff check .
	codespell
	lint-imports

types:
	pyright

docs:
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

bench:
	python benchmarks/pool_items.py
	python benchmarks/digits.py
	python benchmarks/cold_start.py
	python benchmarks/monitor.py
	python benchmarks/mc_dropout.py
	python benchmarks/auto.py
	python benchmarks/executors.py

bench-bayesian:
	python benchmarks/batchbald_mnist.py --out benchmarks/results/batchbald_mnist.jsonl
	python benchmarks/redundancy.py --out benchmarks/results/redundancy.jsonl

bench-mnist:
	python benchmarks/mnist_protocol.py --out benchmarks/results/mnist_protocol.json

bench-selection:
	python benchmarks/selection.py --out benchmarks/results/selection.json
