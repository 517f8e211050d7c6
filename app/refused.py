"""What the browser does with files that are dropped: it refuses those that are too large, which
Streamlit's uploader shows to the visitor alone, and sends the others, which the page receives once
all have arrived. So the page listens beside the uploader."""

from collections.abc import Callable

import streamlit as st

LISTENER = """
export default function({ data, parentElement, setTriggerValue }) {
  parentElement.listening?.abort();
  parentElement.listening = new AbortController();
  const options = { capture: true, signal: parentElement.listening.signal };
  const said = parentElement.querySelector("p");
  const receive = count => {
    parentElement.coming = count;
    said.textContent = count > 0 ? `Receiving files: ${count}. Judging begins when all are here.` : "";
  };
  if (parentElement.here !== data.here) receive(0);
  parentElement.here = data.here;
  const tell = files => {
    const refused = [...files].filter(file => file.size > data.most).map(file => [file.name, file.size]);
    receive(files.length - refused.length);
    if (refused.length) setTriggerValue("refused", refused);
  };
  document.addEventListener("change", event => {
    if (event.target.matches("[data-testid=stFileUploaderDropzoneInput]")) tell(event.target.files);
  }, options);
  document.addEventListener("drop", event => {
    if (event.target.closest("[data-testid=stFileUploaderDropzone]")) tell(event.dataTransfer.files);
  }, options);
  document.addEventListener("click", event => {
    if (event.target.closest("[data-testid=stFileChipDeleteBtn]")) receive(parentElement.coming - 1);
  }, options);
  return () => parentElement.listening.abort();
}
"""
KEY = "refused"
_listener = st.components.v2.component(
    "refused_files", html='<p role="status" style="margin:0"></p>', js=LISTENER
)


def listen(most_bytes: int, uploaded: int, on_refused: Callable[[str, str], None]) -> None:
    """Call `on_refused` with the name and the reason of every dropped file of more than
    `most_bytes`. The visitor sees that files are coming, until their number in the uploader is no
    longer `uploaded`."""

    def pass_on() -> None:
        for name, size in st.session_state[KEY].refused or ():
            on_refused(str(name), too_large(int(size), most_bytes))

    _listener(key=KEY, data={"most": most_bytes, "here": uploaded}, on_refused_change=pass_on)


def too_large(size: int, most: int) -> str:
    """Why a file of `size` bytes is refused where `most` are allowed."""
    mebi = 1 << 20
    return (
        f"too large: {size / mebi:,.1f} MiB, the limit is {most / mebi:g} MiB; shorten it, or "
        "compress it more"
    )
