#!/bin/sh
# As in the real base image: the runtime interface client, with the task root, the layers and the runtime importable.
export AWS_EXECUTION_ENV=AWS_Lambda_python3.13
export PYTHONPATH="${LAMBDA_TASK_ROOT}:/opt/python:${LAMBDA_RUNTIME_DIR}${PYTHONPATH:+:$PYTHONPATH}"
exec /var/lang/bin/python3 -m awslambdaric "$_HANDLER"
