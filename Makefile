# Short names for the commands in CONTRIBUTING.md; each runs in the environment that is active.
.PHONY: help setup test lint format docs ci

help:  ## list these names
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/'

setup:  ## install for development: CPU runtime, training, checks
	python -m pip install -e ".[cpu,openvino,train,convert,val,interop,serve,heif,batch,motion,ray,docs,test,dev]"

test:  ## run the tests
	python -m pytest

lint:  ## ruff, mypy strict, import contracts
	ruff check
	ruff format --check
	mypy
	lint-imports --no-logo

format:  ## rewrite the files as ruff formats them
	ruff check --fix
	ruff format

docs:  ## the pages of docs/ as a site, in build/site
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

ci:  ## everything, in a fresh environment
	.ci/run
