"""Sphinx: `make docs` builds the pages into build/docs."""

from importlib import import_module

from docutils import nodes
from mmdet3d import registry
from mmengine.registry import Registry
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

import epropnp_det
import epropnp_det.plugin  # as a config does it: registers with mmdet3d

project = "EPro-PnP-Det"
author = copyright = "The EPro-PnP-Det contributors"
release = epropnp_det.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = f"{project} {release}"
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
default_role = "literal"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings state shapes and units, which say more
napoleon_use_ivar = True
napoleon_use_rtype = False

# References within the package must resolve; without a network, those to other projects cannot.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(mmcv|mmdet|mmdet3d|mmengine|numpy|torch|pathlib|collections)\..*"),
    (r"py:class", r"[A-Z]"),  # a shape, as in (B,)
]


class RegisteredComponents(SphinxDirective):
    """`.. registered-components:: MODELS`: all that the package registers there, by autodoc."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        found = components(getattr(registry, self.arguments[0]))
        lines = [f".. autoclass:: {cls.__module__}.{cls.__name__}\n" for cls in found]
        return self.parse_text_to_nodes("\n".join(lines))


def components(of: Registry) -> list[type]:
    """Classes of the package in one of mmdet3d's registries."""
    classes = set(of.module_dict.values())
    ours = (cls for cls in classes if cls.__module__.startswith(f"{epropnp_det.__name__}."))
    return sorted(ours, key=lambda cls: cls.__name__)


def resolve_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, content: nodes.TextElement
) -> nodes.Element | None:
    """Find what a docstring names without its module, or by a package that passes it on."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if target.startswith(f"{epropnp_det.__name__}."):
        module, _, name = target.rpartition(".")
        if not hasattr(import_module(module), name):
            return None
    name = target.rpartition(".")[2]
    known = env.get_domain("py").objects
    found = [full for full in known if full.rpartition(".")[2] == name]
    if not found:
        return None
    entry = known[min(found, key=len)]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content)


def setup(app: Sphinx) -> None:
    app.add_directive("registered-components", RegisteredComponents)
    app.connect("missing-reference", resolve_by_last_name)
    import_module("epropnp_det.apis")  # registers the inferencer, which configs do not need
