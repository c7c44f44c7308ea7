package logical

import (
	"time"
	_ "time/tzdata" // zones must be there on hosts without zone files
)

// zone is a session's time zone; the zero value is UTC.
type zone struct {
	location *time.Location
	unknown  string // the name, if it could not be found
}

func sessionZone(name string) zone {
	return zone{unknown: name}
}
