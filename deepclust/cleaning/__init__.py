"""Raw texts → clean texts: `TextCleaner`.

Markup, entities, case, stop words, tokens by spaCy's rules, and redaction of e-mail
addresses, phone numbers and the like. Public: `TextCleaner`. Open `_text_cleaner.py`
first, then `_tokenizer.py`, which does the work on one text.
"""

from deepclust.cleaning._text_cleaner import TextCleaner

__all__ = ["TextCleaner"]
