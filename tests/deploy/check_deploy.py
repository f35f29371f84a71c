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
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for resource in yaml.safe_load_all(file.read_text()):
            kinds.add(resource["kind"])
            try:
                kubernetes_validate.validate(resource, "1.34", strict=True)
            except kubernetes_validate.ValidationError as error:
                complaints.append(f"{file.name}, {resource['kind']}: {error.message} at {list(error.path)}")
    wanted = {"Service", "Deployment", "StatefulSet", "NetworkPolicy", "CronJob"}
    return complaints + [f"no {kind}" for kind in sorted(wanted - kinds)]


complaints = compose() + kubernetes()
print("\n".join(complaints) or "sound")
sys.exit(bool(complaints))
