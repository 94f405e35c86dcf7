#!/bin/sh
# Run once by PostgreSQL's image, on an empty data folder: one database and one role for Orthanc's
# index, and one of each for Gatehouse, so that neither can read the other's.
set -eu

create() {
    name=$1
    password=$(cat "/run/secrets/$name-database-password")
    # The password goes over stdin: an argument could be seen by every process.
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres <<SQL
CREATE ROLE $name LOGIN PASSWORD '$password';
CREATE DATABASE $name OWNER $name ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE $name FROM PUBLIC;
SQL
}

create orthanc
create gatehouse
