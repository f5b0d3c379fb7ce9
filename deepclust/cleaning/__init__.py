"""Raw texts → clean texts: `TextCleaner`.

Markup, entities, case, stop words, tokens by spaCy's rules, and redaction of e-mail
addresses, phone numbers and the like. `Tokenizer` does the work on one text and runs
exported rules. Open `_text_cleaner.py` first, then `_tokenizer.py`.
"""

from deepclust.cleaning._text_cleaner import TextCleaner
from deepclust.cleaning._tokenizer import Tokenizer

__all__ = ["TextCleaner", "Tokenizer"]
