# Stands in for ministackorg/ministack where it cannot be pulled: the same server from its wheel.
FROM joytify-stand-in/debian:trixie
COPY build/wheels/stand-ins/ministack /wheels
RUN pip install --no-cache-dir --no-index --no-deps --break-system-packages /wheels/*.whl && rm -r /wheels \
 && ln -s python3 /usr/bin/python
EXPOSE 4566
CMD ["python3", "-m", "ministack"]
