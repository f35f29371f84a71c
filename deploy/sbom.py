#!/usr/bin/env python3
"""Writes the software bill of materials of the program (CycloneDX 1.5, JSON): each crate that is built into it, with its licence
and checksum, and what depends on what.

    cargo metadata --format-version 1 --locked | deploy/sbom.py > pragati.cdx.json

`--features`, `--filter-platform` and the like are options of `cargo metadata`: give those of the build.
"""

import json
import pathlib
import sys
import tomllib


def purl(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def checksums(lock: pathlib.Path) -> dict:
    """The checksums that the lock file has, by name and version."""
    if not lock.is_file():
        return {}
    packages = tomllib.loads(lock.read_text())["package"]
    return {(package["name"], package["version"]): package["checksum"] for package in packages if "checksum" in package}


def built_in(nodes: dict, root: str) -> dict:
    """What is reached from the root without the dependencies of tests, with what each of them depends on."""
    found, waiting = {}, [root]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        wanted = [
            dependency["pkg"]
            for dependency in nodes[package]["deps"]
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
        ]
        found[package] = sorted(set(wanted))
        waiting.extend(wanted)
    return found


def component(package: dict, hashes: dict) -> dict:
    described = {"type": "library", "bom-ref": purl(package), "name": package["name"], "version": package["version"]}
    if package.get("license"):
        # Older crates write a slash for OR.
        expression = " OR ".join(part.strip() for part in package["license"].split("/"))
        described["licenses"] = [{"expression": expression}]
    described["purl"] = purl(package)
    checksum = hashes.get((package["name"], package["version"]))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


def bill(metadata: dict) -> dict:
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    hashes = checksums(pathlib.Path(metadata["workspace_root"]) / "Cargo.lock")
    found = built_in(nodes, root)
    order = sorted(found, key=lambda package: (packages[package]["name"], packages[package]["version"]))
    program = component(packages[root], hashes) | {"type": "application"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": program},
        "components": [component(packages[package], hashes) for package in order if package != root],
        "dependencies": [
            {"ref": purl(packages[package]), "dependsOn": [purl(packages[needed]) for needed in found[package]]}
            for package in order
        ],
    }


json.dump(bill(json.load(sys.stdin)), sys.stdout, indent=2, ensure_ascii=False)
print()
