#!/usr/bin/env python3
"""Lists what a build has put into the executable: the packages that the compiler read, and the archives that the linker took objects from.

    sbom.py FOLDER VERSION     an SPDX 2.3 document, as JSON
    sbom.py --notices FOLDER   a row of THIRD-PARTY-NOTICES.md for each package

FOLDER has the compiler's response file and the linker's map: obj/Release/net10.0/linux-x64/native after `dotnet publish`.
"""
import functools
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone

# Debian names no licence in a form that a program can read; these are from the packages' copyright files.
DEBIAN_LICENSES = {
    "libssl-dev": "Apache-2.0",
    "libc6-dev": "LGPL-2.1-or-later",
    "libgcc": "GPL-3.0-or-later WITH GCC-exception-3.1",
}


def nuget_packages(folder):
    [response] = glob.glob(f"{folder}/*.ilc.rsp")
    read = re.findall(r"(?:^|:)(/.*\.(?:dll|a))$", open(response, encoding="utf-8").read(), re.MULTILINE) + archives_in_map(folder)
    for nuspec in sorted({nuspec for path in read if (nuspec := nuspec_above(os.path.dirname(path)))}):
        spec = open(nuspec, encoding="utf-8-sig").read()
        name, version = (re.search(f"<{tag}>([^<]+)</{tag}>", spec).group(1) for tag in ("id", "version"))
        found = re.search(r'<license type="expression">([^<]+)<', spec)
        yield {"name": name, "version": version, "license": found.group(1) if found else "NOASSERTION", "purl": f"pkg:nuget/{name}@{version}"}


@functools.cache
def nuspec_above(directory):
    """The description of the NuGet package that the folder belongs to; None outside of one."""
    if found := glob.glob(f"{directory}/*.nuspec"):
        return found[0]
    return None if directory == "/" else nuspec_above(os.path.dirname(directory))


def debian_packages(folder):
    archives = {path for path in archives_in_map(folder) if not nuspec_above(os.path.dirname(path))}
    if not archives:
        sys.exit(f"{folder}/link.map names no archive of the system: it is not the map of a static executable")
    packages = {}
    for archive in sorted(archives):
        owner = subprocess.run(["dpkg", "-S", archive], capture_output=True, text=True)
        if owner.returncode != 0:  # the package database may know it by the path before /lib became a link
            owner = subprocess.run(["dpkg", "-S", f"*/{os.path.basename(archive)}"], capture_output=True, text=True, check=True)
        name = owner.stdout.split(":")[0]
        packages.setdefault(name, []).append(os.path.basename(archive))
    for name, files in packages.items():
        query = ["dpkg-query", "--show", "--showformat", "${Version} ${source:Package}", name]
        version, source = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")[0].split()
        short = "libgcc" if name.startswith("libgcc") else name
        yield {
            "name": short,
            "version": version,
            "license": DEBIAN_LICENSES.get(short, "NOASSERTION"),
            "purl": f"pkg:deb/debian/{name}@{version}?source={source}",
            "files": files,
        }


def archives_in_map(folder):
    text = open(f"{folder}/link.map", encoding="utf-8", errors="replace").read()
    # A relative path is what the build compiled itself, from sources in a NuGet package.
    return sorted({os.path.realpath(path) for path in re.findall(r"(?<![\w.])(/[^\s:()]+\.a)(?=[(:])", text)})


def spdx(packages, version):
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"logto-migrate-init-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/logto-migrate-init-{version}-{hashlib.sha256(repr(packages).encode()).hexdigest()[:16]}",
        "creationInfo": {"created": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: docker/release/sbom.py"]},
        "packages": [
            {"SPDXID": "SPDXRef-logto-migrate-init", "name": "logto-migrate-init", "versionInfo": version, "downloadLocation": "NOASSERTION", "licenseDeclared": "MIT"},
            *(
                {
                    "SPDXID": f"SPDXRef-{number}",
                    "name": package["name"],
                    "versionInfo": package["version"],
                    "downloadLocation": "NOASSERTION",
                    "licenseDeclared": package["license"],
                    "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package["purl"]}],
                    **({"comment": f"objects of {', '.join(package['files'])}"} if "files" in package else {}),
                }
                for number, package in enumerate(packages)
            ),
        ],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-logto-migrate-init"},
            *(
                {"spdxElementId": "SPDXRef-logto-migrate-init", "relationshipType": "STATIC_LINK" if "files" in package else "CONTAINS", "relatedSpdxElement": f"SPDXRef-{number}"}
                for number, package in enumerate(packages)
            ),
        ],
    }


def main(arguments):
    match arguments:
        case ["--notices", folder]:
            for package in [*nuget_packages(folder), *debian_packages(folder)]:
                print(f"| {package['name']} | {package['license']} |")
        case [folder, version]:
            packages = [*nuget_packages(folder), *debian_packages(folder)]
            json.dump(spdx(packages, version), sys.stdout, indent=2)
            print()
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
