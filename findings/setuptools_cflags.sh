#!/usr/bin/env bash
# setuptools 79.0.1: an extension that is compiled with CFLAGS set is compiled without optimisation.
#
# Behaviour: the flags in the environment variable CFLAGS take the place of those that Python was
# built with, `-O3 -DNDEBUG -g -Wall` and so on. setuptools 69.5.1 appended them. No message says so,
# and what comes out works.
#
# Why it surprises: CFLAGS is where one adds a flag, for example -g0 to halve the time and the size of
# a large build, or an include folder. Who did so with an older setuptools, or reads how it was done,
# gets code at -O0 from a newer one. mmcv 2.1.0's operators for CPUs come out two to four times slower
# (non-maximum suppression four), which looks like a slow machine.
#
# What follows: give Python's own flags along:
#     CFLAGS="$(python -c 'import sysconfig; print(sysconfig.get_config_var("CFLAGS"))') -g0"
#
# The script compiles an extension that says whether it was optimised, with both releases, without
# CFLAGS and with CFLAGS=-g0, and fails where setuptools 79.0.1 optimises both times, or 69.5.1 not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > optimised.c <<'C'
#include <Python.h>

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "optimised", NULL, -1, NULL};

PyMODINIT_FUNC PyInit_optimised(void) {
  PyObject *module = PyModule_Create(&definition);
#ifdef __OPTIMIZE__
  PyModule_AddObjectRef(module, "value", Py_True);
#else
  PyModule_AddObjectRef(module, "value", Py_False);
#endif
  return module;
}
C
cat > setup.py <<'PYTHON'
from setuptools import Extension, setup

setup(name="optimised", version="1", ext_modules=[Extension("optimised", ["optimised.c"])])
PYTHON
unset CFLAGS

# Whether an extension is optimised that $1's setuptools compiles, with further environment variables.
optimised() {
  local python=$1/bin/python
  shift
  rm -rf build optimised.*.so
  env "$@" "$python" setup.py --quiet build_ext --inplace >&2
  "$python" -c 'import optimised; print(optimised.value)'
}

said=""
for release in 69.5.1 79.0.1; do
  python3 -m venv "$folder/$release"
  "$folder/$release/bin/pip" install --quiet "setuptools==$release"
  row="setuptools $release: optimised $(optimised "$folder/$release" A=1), with CFLAGS=-g0 $(optimised "$folder/$release" CFLAGS=-g0)"
  echo "$row"
  said="$said$row;"
done
[[ $said == *"69.5.1: optimised True, with CFLAGS=-g0 True;"* ]]
[[ $said == *"79.0.1: optimised True, with CFLAGS=-g0 False;"* ]]
