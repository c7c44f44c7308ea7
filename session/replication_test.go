package session

import "testing"

// Only what PostgreSQL takes for physical replication may pass unplanned.
func TestOnlyPhysicalReplicationPassesUnplanned(t *testing.T) {
	for _, value := range []string{"1", "on", "ON", "true", "t", "tru", "TRUE", "yes", "y"} {
		if !PhysicalReplication(value) {
			t.Errorf("replication=%s is physical replication", value)
		}
	}
	for _, value := range []string{"", "0", "off", "of", "o", "f", "false", "n", "no", "database", "truely", "01", " on"} {
		if PhysicalReplication(value) {
			t.Errorf("replication=%q is not physical replication", value)
		}
	}
	for text, want := range map[string]bool{
		"IDENTIFY_SYSTEM": true, " start_replication SLOT people LOGICAL 0/0": true, "BASE_BACKUP(LABEL 'x')": true,
		"SELECT 1": false, "START_REPLICATIONS": false, "": false, "INSERT INTO people VALUES (1)": false,
	} {
		if got := replicationCommand([]byte(text)); got != want {
			t.Errorf("%q is a command of replication: %v", text, got)
		}
	}
}

// Streams of the rows of tables are told from those of the WAL itself.
func TestLogicalStreamsAreKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"START_REPLICATION SLOT people LOGICAL 0/0":                                 true,
		"\tstart_replication\nslot \"people\"logical 0/16B3748 (proto_version '1')": true,
		"START_REPLICATION SLOT logical PHYSICAL 0/0":                               false,
		"START_REPLICATION SLOT logical 0/0 TIMELINE 1":                             false,
		"START_REPLICATION 0/0":                                                     false,
		"CREATE_REPLICATION_SLOT people TEMPORARY LOGICAL pgoutput":                 false,
		"CREATE_REPLICATION_SLOT people LOGICAL pgoutput":                           false,
		"IDENTIFY_SYSTEM": false,
	} {
		if got := startsLogical([]byte(text)); got != want {
			t.Errorf("%q starts a logical stream: %v", text, got)
		}
	}
}
