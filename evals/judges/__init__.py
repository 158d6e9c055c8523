"""What scores answers besides the product's own metrics: ragas, and models that judge.

The only place that imports ragas, and only once one of its metrics is asked for.
"""

import os

# Whoever imports ragas passes here first. It sends its use to its makers unless this says "true";
# langchain, which it is made of, sends whole prompts to a service when told to by the others.
os.environ["RAGAS_DO_NOT_TRACK"] = "true"
os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
