raise ImportError("Qt is absent in this leg")
