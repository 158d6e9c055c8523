"""Questions to try, from the documents that a reader may read.

writing      passages -> questions that their words answer. Pure
suggester    a few of them for a reader: those that an answer would quote the same document for
"""
