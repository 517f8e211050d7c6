"""Files that the browser refuses to send since they are too large: Streamlit's uploader tells that
to the visitor alone, so the page listens beside it."""

from collections.abc import Callable

import streamlit as st

LISTENER = """
export default function({ data, parentElement, setTriggerValue }) {
  parentElement.listening?.abort();
  parentElement.listening = new AbortController();
  const options = { capture: true, signal: parentElement.listening.signal };
  const tell = files => {
    const refused = [...files].filter(file => file.size > data.most).map(file => [file.name, file.size]);
    if (refused.length) setTriggerValue("refused", refused);
  };
  document.addEventListener("change", event => {
    if (event.target.matches("[data-testid=stFileUploaderDropzoneInput]")) tell(event.target.files);
  }, options);
  document.addEventListener("drop", event => {
    if (event.target.closest("[data-testid=stFileUploaderDropzone]")) tell(event.dataTransfer.files);
  }, options);
  return () => parentElement.listening.abort();
}
"""
KEY = "refused"
_listener = st.components.v2.component("refused_files", html="<i></i>", js=LISTENER)


def listen(most_bytes: int, told: Callable[[str, str], None]) -> None:
    """Tell the name and the reason of every file of more than so many bytes that is dropped."""

    def heard() -> None:
        for name, size in st.session_state[KEY].refused or ():
            told(str(name), too_large(int(size), most_bytes))

    _listener(key=KEY, data={"most": most_bytes}, height=1, on_refused_change=heard)


def too_large(size: int, most: int) -> str:
    """Why a file of `size` bytes is refused."""
    mebi = 1 << 20
    return (
        f"too large: {size / mebi:,.1f} MiB, the limit is {most / mebi:g} MiB; shorten it, or "
        "compress it more"
    )
