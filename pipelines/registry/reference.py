"""How a person names a version of a registered model."""

import re

REFERENCE_HELP = "NAME (its latest version), NAME/VERSION or NAME@ALIAS, also after models:/"
VERSION_REFERENCE = re.compile(r"models:/(?P<name>[^/:']+)/(?P<version>[1-9][0-9]*)")
REFERENCE = re.compile(
    r"(?:models:/)?(?P<name>[^/:']+?)(?:/(?P<version>[1-9][0-9]*)|@(?P<alias>[\w-]+))?"
)
