"""What is known about a model, in words."""

from html import escape

from napari_mitoseg._napari.model_tasks import ListedModel


def describe(listed: ListedModel) -> str:
    """Say what is known about a model, as HTML.

    Parameters
    ----------
    listed : ListedModel
        The model.

    Returns
    -------
    str
        With licence, citations, and where it is or comes from.
    """
    card = listed.card
    spacing = ", ".join(f"{v:g}" for v in card.spacing)
    public = listed.public
    rows = {
        "What": [card.description],
        "Network": [f"{card.architecture}; gives {', '.join(card.outputs)}"],
        "Spacing": [f"{spacing} nm (z, y, x)"],
        "Scores": list(map(str, card.scores)),
        "Trained on": list(card.data),
        "Known limits": list(card.limits),
        "By": [", ".join(card.authors)],
        "Licence": [card.licence or "not stated: ask its authors"],
        "Cite": list(card.citation),
        "DOI": [card.doi],
        "Checksum": [card.sha256 or (public.sha256 if public else "")],
        "Folder": [str(listed.folder or "")],
        "Page": [public.page if public else ""],
        "Download": [public.url if public else ""],
    }
    parts = [f"<h3>{escape(card.name)}</h3>"]
    for title, texts in rows.items():
        shown = "<br>".join(_linked(text) for text in texts if text)
        if shown:
            parts.append(f"<p><b>{title}</b><br>{shown}</p>")
    return "".join(parts)


def _linked(text: str) -> str:
    """Return a text as HTML; an address can be followed."""
    safe = escape(text)
    return f'<a href="{safe}">{safe}</a>' if text.startswith("https://") else safe
