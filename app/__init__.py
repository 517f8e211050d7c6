"""The page: `make app`, or `python -m streamlit run app/streamlit_app.py` from the project's
folder."""
