# Nothing but the defaults: prod in Tokyo, in the account of the credentials. The digests come from `make push`.
