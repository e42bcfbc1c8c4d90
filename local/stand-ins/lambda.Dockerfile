# Stands in for public.ecr.aws/lambda/python:3.13 where it cannot be pulled: the same entry point, user, paths and
# environment, so that the functions' Dockerfiles work unchanged.
FROM joytify-stand-in/debian:trixie
COPY build/wheels/stand-ins/lambda /wheels
RUN mkdir -p /var/lang/bin /var/task /opt \
 && for name in python3 python3.13 pip pip3; do ln -s "/usr/bin/$name" "/var/lang/bin/$name"; done \
 && ln -s python3 /var/lang/bin/python \
 && pip install --no-cache-dir --no-index --no-deps --target /var/runtime /wheels/*.whl \
 && rm -r /wheels \
 # The real image, a minimal Amazon Linux, has neither find nor xargs; a Dockerfile that uses them must fail here too.
 && rm /usr/bin/find /usr/bin/xargs
COPY --chmod=755 build/wheels/stand-ins/aws-lambda-rie /usr/local/bin/aws-lambda-rie
COPY --chmod=755 local/stand-ins/lambda-entrypoint.sh /lambda-entrypoint.sh
COPY --chmod=755 local/stand-ins/bootstrap.sh /var/runtime/bootstrap
ENV LANG=C.UTF-8 TZ=:/etc/localtime PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]
