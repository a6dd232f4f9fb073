# Short names for the commands in CONTRIBUTING.md; each runs in the environment that is active.
.PHONY: help setup test lint format ci

help:  ## list these names
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/'

setup:  ## install for development: CPU runtime, training, checks
	python -m pip install -e ".[cpu,openvino,train,convert,val,interop,serve,heif,batch,motion,ray,test,dev]"

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

ci:  ## everything, in a fresh environment
	.ci/run
