.PHONY: test lint types docs bench bench-mnist bench-selection

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

bench-mnist:
	python benchmarks/mnist_protocol.py --out benchmarks/results/mnist_protocol.json

bench-selection:
	python benchmarks/selection.py --out benchmarks/results/selection.json
