package session

import (
	"bytes"
	"slices"
	"strings"

	"pgseal/wire"
)

// logicalReplication is the value of the startup parameter "replication" for a
// session of logical replication: one that runs SQL, and the commands of
// replication besides.
const logicalReplication = "database"

// PhysicalReplication says whether that value makes the session one of physical
// replication: it runs no SQL, needs no database, and nothing of it is for us.
// The words are those that PostgreSQL takes for true; a session of any other must
// not pass unplanned.
func PhysicalReplication(value string) bool {
	value = strings.ToLower(value)
	switch value {
	case "":
		return false
	case "on", "1":
		return true
	}
	return strings.HasPrefix("true", value) || strings.HasPrefix("yes", value)
}

// replicationCommands are the words with which the commands begin. No SQL does.
var replicationCommands = []string{
	"ALTER_REPLICATION_SLOT", "BASE_BACKUP", "CREATE_REPLICATION_SLOT", "DROP_REPLICATION_SLOT", "IDENTIFY_SYSTEM",
	"READ_REPLICATION_SLOT", "START_REPLICATION", "TIMELINE_HISTORY", "UPLOAD_MANIFEST",
}

// replicationCommand says whether a text is a command of replication, which
// names slots and publications and no table.
func replicationCommand(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\n\r\f\v")
	end := bytes.IndexFunc(text, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') })
	if end < 0 {
		end = len(text)
	}
	return slices.Contains(replicationCommands, strings.ToUpper(string(text[:end])))
}

// startsLogical says whether a command of replication starts a stream of the rows that
// are written: START_REPLICATION SLOT name LOGICAL. The name of a slot is one word.
func startsLogical(command []byte) bool {
	words := bytes.FieldsFunc(command, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	return len(words) > 3 && bytes.EqualFold(words[0], []byte("START_REPLICATION")) && bytes.EqualFold(words[3], []byte("LOGICAL"))
}

// errLogicalStream: the rows of the stream come from the WAL as they are stored, in the
// form of the slot's plugin.
var errLogicalStream = &wire.Error{
	Code:    codeFeatureNotSupported,
	Message: "from a database with sealed columns pgseal opens the streams of the plugin pgoutput only",
	Detail:  "The stream would carry their values as they are stored, encrypted.",
	Hint:    "Make a slot with pgoutput, and start it with proto_version and publication_names, or connect to the server directly for a stream of the stored values.",
}
