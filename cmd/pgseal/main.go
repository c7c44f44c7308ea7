package main

import (
	_ "github.com/aws/aws-sdk-go-v2/config"
	_ "github.com/aws/aws-sdk-go-v2/credentials"
	_ "github.com/aws/aws-sdk-go-v2/service/kms"
	_ "github.com/hashicorp/golang-lru/v2"
	_ "github.com/jackc/pgproto3/v2"
	_ "github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/pganalyze/pg_query_go/v6"
	_ "github.com/spf13/cobra"
	_ "github.com/spf13/pflag"
	_ "gopkg.in/yaml.v3"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "golang.org/x/sync/singleflight"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
	_ "golang.org/x/text/encoding/charmap"
	_ "github.com/fergusstrange/embedded-postgres"
	_ "github.com/lib/pq"
)

func main() {}
