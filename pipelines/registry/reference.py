"""How a person names a version of a registered model."""

import re

REFERENCE_HELP = "NAME (its latest version), NAME/VERSION or NAME@ALIAS, also after models:/"
_VERSION = "(?P<version>[1-9][0-9]{0,8})"  # fits into the 32 bits of databases
VERSION_REFERENCE = re.compile(rf"models:/(?P<name>[^/:']+)/{_VERSION}")
REFERENCE = re.compile(rf"(?:models:/)?(?P<name>[^/:']+?)(?:/{_VERSION}|@(?P<alias>[\w-]+))?")
