# `make demo` runs the main job on the embedded data set, `make test` passes the tests; each sets up .venv.
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
DEMO_FLAGS ?=

.PHONY: demo test check tables golden format clean

$(VENV)/.hierdsl: pyproject.toml constraints.txt scripts/setup.sh
	sh scripts/setup.sh $(VENV)

demo: $(VENV)/.hierdsl
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/hierdsl validate helen
	$(BIN)/hierdsl render helen
	@if command -v dot >/dev/null; then echo '$(BIN)/hierdsl render helen -o $(DEMO)/helen.svg'; \
	    $(BIN)/hierdsl render helen -o $(DEMO)/helen.svg; fi
	$(BIN)/hierdsl train helen --data demo --size 80x80 --width 8 --batch-size 4 --epochs 12 --faces 400,80 --out $(DEMO)/run $(DEMO_FLAGS)
	@echo "Look into $(DEMO): helen.svg is the tree; run/curves.png and run/predictions.png are the training."

test: $(VENV)/.hierdsl check
	$(BIN)/python -m pytest -n auto

check: $(VENV)/.hierdsl
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Rewrite the tables of the parser after a change of the grammar.
tables: $(VENV)/.hierdsl
	$(BIN)/python scripts/tables.py

# Rewrite the golden files and the outputs in the pages after an intended change, then read the diff.
golden: $(VENV)/.hierdsl
	HIERDSL_REWRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests -k "golden or test_docs"

format: $(VENV)/.hierdsl
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
