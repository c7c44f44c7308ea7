package session

import (
	"bytes"
	"slices"
	"strings"
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
