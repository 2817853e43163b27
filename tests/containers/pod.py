#!/usr/bin/env python3
"""Reads a built kustomization from standard input and does with one of its containers what a kubelet would.

  pod.py flags KIND CONTAINER   the docker options that mean the same, one a line, then the image, then its arguments
  pod.py restricted             fails when a pod would be refused by Pod Security "restricted"

Secrets come from the environment: KEY of a secretKeyRef is read from the variable of that name.
"""
import os
import sys

import yaml

ALLOWED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}


def pods(documents):
    return [(d["kind"], d["spec"]["template"]["spec"]) for d in documents if d["kind"] in ("Deployment", "Job")]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def restricted(documents):
    problems = []
    for kind, pod in pods(documents):
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(name):
                problems.append(f"{kind}: {name}")
        for volume in pod.get("volumes", []):
            if not set(volume) - {"name"} <= ALLOWED_VOLUMES:
                problems.append(f"{kind}: volume {volume['name']}")
        for container in containers(pod):
            def setting(name):
                return container["securityContext"].get(name, pod.get("securityContext", {}).get(name))

            where = f"{kind}/{container['name']}"
            for wrong, what in (
                (setting("runAsNonRoot") is not True, "runAsNonRoot"),
                (setting("runAsUser") == 0, "runAsUser"),
                (setting("allowPrivilegeEscalation") is not False, "allowPrivilegeEscalation"),
                (setting("privileged"), "privileged"),
                ((setting("capabilities") or {}).get("drop") != ["ALL"] or (setting("capabilities") or {}).get("add"), "capabilities"),
                ((setting("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"), "seccompProfile"),
                (any("hostPort" in port for port in container.get("ports", [])), "hostPort"),
            ):
                if wrong:
                    problems.append(f"{where}: {what}")
    return problems


def megabytes(quantity):
    return {"Mi": 1, "Gi": 1024}[quantity[-2:]] * int(quantity[:-2])


def flags(documents, kind, name):
    pod = next(spec for found, spec in pods(documents) if found == kind)
    container = next(c for c in containers(pod) if c["name"] == name)
    security = {**pod.get("securityContext", {}), **container["securityContext"]}
    result = [f"--user={security['runAsUser']}:{security['runAsGroup']}", f"--memory={megabytes(container['resources']['limits']['memory'])}m"]
    if "fsGroup" in security:
        # The kubelet also gives the volumes to this group; the caller has done so.
        result.append(f"--group-add={security['fsGroup']}")
    if security["readOnlyRootFilesystem"]:
        result.append("--read-only")
    if not security["allowPrivilegeEscalation"]:
        result.append("--security-opt=no-new-privileges")
    result += [f"--cap-drop={capability}" for capability in security["capabilities"]["drop"]]
    for variable in container["env"]:
        value = variable.get("value")
        if value is None:
            value = os.environ[variable["valueFrom"]["secretKeyRef"]["key"]]
        result.append(f"--env={variable['name']}={value}")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container.get("volumeMounts", []):
        volume = volumes[mount["name"]]
        if "image" in volume:
            # The caller has filled a volume of this name from the image: this engine has no image mounts.
            result.append(f"--volume={volume['name']}:{mount['mountPath']}:ro")
        elif "persistentVolumeClaim" in volume:
            mode = ":ro" if mount.get("readOnly") else ""
            result.append(f"--volume={volume['persistentVolumeClaim']['claimName']}:{mount['mountPath']}{mode}")
        else:
            result.append(f"--tmpfs={mount['mountPath']}:mode=0777")
    command = container.get("command", [])
    if command:
        result.append(f"--entrypoint={command[0]}")
    return [*result, container["image"], *command[1:], *container.get("args", [])]


documents = [document for document in yaml.safe_load_all(sys.stdin) if document]
if sys.argv[1] == "restricted":
    found = restricted(documents)
    print("\n".join(found) or "passes")
    sys.exit(1 if found else 0)
print("\n".join(flags(documents, sys.argv[2], sys.argv[3])))
