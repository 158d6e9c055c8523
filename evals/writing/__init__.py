"""Test sets from the user's own documents, without a big model.

material   passages -> statements, pairs of key and value, rows of tables
facts      the dates, amounts, names and codes of a sentence
asking     a statement and a fact -> a question, by templates, or a sentence with a gap
structure  a pair or a row -> a question
swapping   a question -> one that the documents do not answer
choosing   which of them, spread over documents and kinds
checking   kept when the product's search finds the passage and its verifier agrees
engines    questions that a configured engine writes instead
"""
