// Package extension carries the SQL that pgseal keeps in a database and installs
// it where CREATE EXTENSION is not allowed.
package extension

import "embed"

// Version is the version of the schema that this program installs and works
// with.
const Version = "0.6"

//go:embed pgseal.control pgseal--*.sql
var files embed.FS
