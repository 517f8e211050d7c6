"""The description of the API as one page for a person, which needs no network."""

from typing import Any

from deepfake_detector.pages.html_page import Section, render

EXAMPLE = "curl --form 'file=@clip.mp4' ADDRESS/v1/judge"
WITH_KEY = "curl --header 'X-API-Key: KEY' --form 'file=@clip.mp4' ADDRESS/v1/judge"


def as_page(description: dict[str, Any]) -> bytes:
    """The page of an OpenAPI description."""
    example = WITH_KEY if "securitySchemes" in description["components"] else EXAMPLE
    about = [
        description["info"]["description"],
        f"An example, with the address of this page before /docs: {example}",
        "For programs: /openapi.json has all of this with the fields of every answer.",
    ]
    sections = [
        _operation(f"{method.upper()} {path}", operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]
    return render(description["info"]["title"], [], [Section("The API", about), *sections])


def _operation(title: str, operation: dict[str, Any]) -> Section:
    text = [f"{operation['summary']}.", operation.get("description", "")]
    answers = [
        {"answer": status, "meaning": described["description"]}
        for status, described in operation["responses"].items()
    ]
    return Section(title, [line for line in text if line], answers)
