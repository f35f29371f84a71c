"""Checks the files of deploy/ against the schemas of what reads them; says what is wrong and fails."""

import pathlib
import subprocess
import sys

import kubernetes_validate
import yaml

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"


def compose() -> list[str]:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose/compose.yaml"],
        capture_output=True,
        text=True,
    )
    return [] if checked.returncode == 0 else [checked.stdout + checked.stderr]


def kubernetes() -> list[str]:
    complaints, kinds = [], set()
    for file in resources():
        for resource in yaml.safe_load_all(file.read_text()):
            kinds.add(resource["kind"])
            try:
                kubernetes_validate.validate(resource, "1.34", strict=True)
            except kubernetes_validate.ValidationError as error:
                complaints.append(f"{file.name}, {resource['kind']}: {error.message} at {list(error.path)}")
    wanted = {"Service", "Deployment", "StatefulSet", "NetworkPolicy", "CronJob"}
    return complaints + [f"no {kind}" for kind in sorted(wanted - kinds)]


def resources() -> list[pathlib.Path]:
    """All files but the kustomization, which is none of the server's."""
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [file for file in files if file.name != "kustomization.yaml"]


def kustomization() -> list[str]:
    described = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    complaints = [f"kustomization.yaml: {key} is not {value}" for key, value in head.items() if described.get(key) != value]
    if set(described) != {*head, "resources"}:
        complaints.append(f"kustomization.yaml: unexpected keys {sorted(described)}")
    if described["resources"] != [file.name for file in resources()]:
        complaints.append(f"kustomization.yaml: resources are {described['resources']}, not all files beside it")
    return complaints


complaints = compose() + kubernetes() + kustomization()
print("\n".join(complaints) or "sound")
sys.exit(bool(complaints))
