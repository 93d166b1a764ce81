"""What can be wrong with Kubernetes manifests that their published schema does not see."""

import re

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def faults(objects):
    """Yields what is wrong with manifests, given by kind and name."""
    for (kind, name), one in objects.items():
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        containers = pod.get("initContainers", []) + pod.get("containers", [])
        found = [*_names(name, containers), *_references(objects, one, pod), *_variables(containers)]
        found += (
            _job(one["spec"], pod) if kind == "Job" else _set(objects, one["spec"]) if kind == "StatefulSet" else []
        )
        yield from (f"{kind} {name}: {fault}" for fault in found)


def _names(name, containers):
    names = [name, *(container["name"] for container in containers)]
    return [f"the name {bad!r}" for bad in names if not NAME.fullmatch(bad)]


def _job(spec, pod):
    policy = pod.get("restartPolicy")
    if policy not in ("Never", "OnFailure"):
        yield f"restartPolicy {policy}"
    if "podFailurePolicy" in spec and policy != "Never":
        yield "a podFailurePolicy needs restartPolicy Never"
    if spec.get("completionMode") == "Indexed" and "completions" not in spec:
        yield "an Indexed Job needs completions"


def _set(objects, spec):
    if not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items():
        yield "the selector does not match the pods"
    if ("Service", spec["serviceName"]) not in objects:
        yield f"no Service {spec['serviceName']}"


def _references(objects, one, pod):
    claims = {claim["metadata"]["name"] for claim in one.get("spec", {}).get("volumeClaimTemplates", [])}
    volumes = claims | {volume["name"] for volume in pod.get("volumes", [])}
    for part in filter(lambda part: isinstance(part, dict), _walk(one)):
        if "secretKeyRef" in part:
            secret = objects.get(("Secret", part["secretKeyRef"]["name"]), {}).get("stringData", {})
            if part["secretKeyRef"]["key"] not in secret:
                yield f"no secret {part['secretKeyRef']}"
        if "mountPath" in part and part["name"] not in volumes:
            yield f"no volume {part['name']}"
        if "claimName" in part and ("PersistentVolumeClaim", part["claimName"]) not in objects:
            yield f"no claim {part['claimName']}"


def _variables(containers):
    for container in containers:
        known = {variable["name"] for variable in container.get("env", [])}
        used = set(re.findall(r"\$\((\w+)\)", " ".join(container.get("args", []))))
        if not used <= known:
            yield f"no variable {used - known}"


def _walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk(inner)
