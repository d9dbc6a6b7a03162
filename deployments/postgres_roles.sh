#!/bin/sh
# Run once by PostgreSQL's image, when it creates its data: an ordinary role for cmdb and for Prefect, which owns their
# databases and cannot read files or run programs through the server. Nobody can sign in as the superuser over the network.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U "$POSTGRES_USER" -d postgres <<'SQL'
create role cmdb login password :'password';
create database cmdb owner cmdb;
create database prefect owner cmdb;
select format('alter role %I password null', current_user) \gexec
SQL
