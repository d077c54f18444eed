"""Hosts that serve logins and no files. The one table of them; those who follow redirects read it.

Other login pages are recognised by their path or their body; these hosts have pages whose path
does not show it.
"""

from __future__ import annotations

BASIC_LOGIN_HOSTS = frozenset({"urs.earthdata.nasa.gov", "uat.urs.earthdata.nasa.gov"})
"""Take a name and password with the request (NASA Earthdata Login)."""
FORM_LOGIN_HOSTS = frozenset({"ers.cr.usgs.gov"})
"""Want a form to be filled in (USGS)."""
