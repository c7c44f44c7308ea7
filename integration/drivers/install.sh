#!/usr/bin/env bash
# Installs the drivers of the matrix: apt packages (as root on Debian or
# Ubuntu), and what npm brings into .pgseal/node. With "cheap", only those that
# are small and quick to install. Starts no service and upgrades nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

node=.pgseal/node
have() { command -v "$1" >/dev/null 2>&1; }
python() { /usr/bin/python3 -c "$1" >/dev/null 2>&1; }

missing=()
# need PACKAGES PROBE…: the packages unless the probe succeeds.
need() {
  local packages=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=($packages)
}

need "postgresql postgresql-contrib" compgen -G '/usr/lib/postgresql/*/bin/pgbench'
need postgresql-client have psql
need python3-psycopg2 python 'import psycopg2'
need python3-psycopg python 'import psycopg'
need python3-sqlalchemy python 'import sqlalchemy'
need python3-django python 'import django'
need "python3-pyodbc odbc-postgresql" python 'import pyodbc; "PostgreSQL Unicode" in pyodbc.drivers() or exit(1)'
need libdbd-pg-perl perl -MDBD::Pg -e 1
need "tcl libpgtcl" sh -c 'echo "package require Pgtcl; exit 7" | tclsh; test $? = 7'
if [ "${1:-}" != cheap ]; then
  need "ruby ruby-pg ruby-activerecord" ruby -e 'require "active_record"; require "pg"'
  need "ruby-sequel ruby-pg" ruby -e 'require "sequel"; require "pg"'
  need "php-cli php-pgsql" php -r 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);'
  need libpostgresql-jdbc-java test -e /usr/share/java/postgresql.jar
  need default-jdk-headless javac -version
  need "nodejs npm" have npm
fi

if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
    echo "missing, and only root on Debian or Ubuntu can install them here: ${missing[*]}" >&2
    exit 1
  fi
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The packages start no server of their own, here or at the next boot.
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/pgseal.conf
  trap 'rm -f /etc/postgresql-common/createcluster.d/pgseal.conf' EXIT
  apt-get update -qq
  # --no-upgrade: a server that runs now keeps its binaries.
  RUNLEVEL=1 apt-get install -y -qq --no-install-recommends --no-upgrade "${missing[@]}" </dev/null
fi

if [ "${1:-}" != cheap ] && ! NODE_PATH=$node/node_modules node -e 'require("pg-query-stream"); require("postgres")' 2>/dev/null; then
  mkdir -p "$node"
  npm install --prefix "$node" --no-fund --no-audit --loglevel=error pg@8 pg-cursor@2 pg-query-stream@4 postgres@3
fi
