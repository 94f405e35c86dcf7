"""Free text, cleaned: clinical words stay, what identifies goes (PS3.15 E.3.5).

Recognizers find what looks like an identifier; what is known of the study finds its own names and
numbers; and every word that is left must be in a vocabulary, so that what nobody foresaw goes too.
"""
