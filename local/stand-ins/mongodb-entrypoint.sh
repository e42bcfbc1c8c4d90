#!/bin/sh
# As in the real image: arguments that begin with an option are passed to mongod.
case "$1" in -*) set -- mongod "$@" ;; esac
exec "$@"
