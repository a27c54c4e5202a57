# Every target makes what it needs; a second run of any of them needs no network.
#
#   make demo                          two emulated agents split a trained network
#   make demo ARGS="--html demo.html"  ... with options of `joulecut demo`
#   make test                          all tests, one process more than cores
#   make test ARGS="tests/planner -x"  ... with options of pytest
#   make test WORKERS=0                ... all in one process
#   make check                         everything CI checks
#
# On a machine whose vendor built torch (a Jetson): make install VENV_FLAGS=--system-site-packages

PYTHON ?= python3
VENV_FLAGS ?=
# Only installed where there is no torch yet. Where the package index serves CUDA builds under this
# version, set TORCH_INDEX to one that serves CPU builds (PyTorch's installation page names it).
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
# Tests cut networks of this library. Its metadata asks for one exact torch, hence --no-deps below.
TORCHVISION ?= torchvision==0.28.0
ARGS ?=
# Processes that tests run in; each imports torch (some 0.8 GB), hence a bound on what "auto" may start.
WORKERS ?= auto
MOST_WORKERS := 8

INSTALLED := .venv/.installed
# What `make demo` needs is a fraction of what tests need.
DEMO_INSTALLED := .venv/.installed-demo
RUN := .venv/bin/python
# Containers like to forbid Python to keep what it has compiled. Tests start hundreds of programs, each of which would
# compile all of joulecut anew.
KEEP_COMPILED := PYTHONDONTWRITEBYTECODE=
PIP := $(RUN) -m pip
PIP_INSTALL := $(RUN) scripts/uv-pip install
# What is installed is compiled at the end, on all cores. joulecut itself too, which every process that runs tests would
# do beside the others; pytest compiles the tests its own way.
SOURCES := api core edge planner proto runtime server
# Most of what is installed: nothing needs it, or few programs a small part, which they compile on first use.
SELDOM := _inductor|fontTools|huggingface_hub|mypyc?|onnx[a-z]*|pip|plotly|pygments|setuptools|sklearn
SELDOM := $(SELDOM)|ray/(data|llm|rllib|serve|train|tune)|transformers/models
COMPILE = $(RUN) -m compileall -qq -j 0 -x '/test|/($(SELDOM))/' .venv/lib $(SOURCES) || true
VERSION_OF = $(RUN) -c 'import sys, importlib.metadata as m; print(sys.argv[1] + "===" + m.version(sys.argv[1]))'

.PHONY: demo test check install
.DELETE_ON_ERROR:

demo: $(if $(wildcard $(INSTALLED)),$(INSTALLED),$(DEMO_INSTALLED))
	OMP_NUM_THREADS=1 .venv/bin/joulecut demo $(ARGS)

test: $(INSTALLED)
	$(KEEP_COMPILED) OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --maxprocesses $(MOST_WORKERS) --dist worksteal $(ARGS)

check: $(INSTALLED)
	scripts/check $(ARGS)

install: $(INSTALLED)

# The constraint makes it fail rather than replace the torch that is there.
define install
	@$(PYTHON) -c 'import sys; sys.exit("Python %d.%d is too old; expected 3.10 or newer: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV_FLAGS) .venv
	$(VERSION_OF) torch >/dev/null 2>&1 || $(PIP_INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCH)'
	$(VERSION_OF) torch >.venv/torch.txt
	$(PIP_INSTALL) --constraint .venv/torch.txt --editable '.[$(EXTRAS)]'
endef

$(INSTALLED): EXTRAS := dev
$(INSTALLED): SOURCES += benchmarks tests
$(INSTALLED): pyproject.toml
	$(install)
	$(VERSION_OF) torchvision >/dev/null 2>&1 || $(PIP_INSTALL) --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCHVISION)'
	$(COMPILE)
	touch $@

$(DEMO_INSTALLED): EXTRAS := dashboard,demo,report
$(DEMO_INSTALLED): pyproject.toml
	$(install)
	$(COMPILE)
	touch $@
