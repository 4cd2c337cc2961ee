"""Nothing here is looked at where nothing can be exported."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("onnxscript") else ["test_*.py"]
