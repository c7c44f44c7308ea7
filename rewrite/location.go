package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// location finds where an expression begins: the first position that it or its
// parts have, -1 if none has any.
func location(n *pg.Node) int32 {
	if n == nil {
		return -1
	}
	return firstLocation(n.ProtoReflect())
}

func firstLocation(m protoreflect.Message) int32 {
	return locationOf(m, func(l, than int32) bool { return l < than })
}

// lastLocation finds the last position that an expression or its parts have, -1 for none.
func lastLocation(m protoreflect.Message) int32 {
	return locationOf(m, func(l, than int32) bool { return l > than })
}

// locationOf finds the position that is before all others.
func locationOf(m protoreflect.Message, before func(l, than int32) bool) int32 {
	at := int32(-1)
	found := func(l int32) {
		if l >= 0 && (at < 0 || before(l, at)) {
			at = l
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() == protoreflect.Int32Kind && fd.Name() == "location":
			found(int32(v.Int()))
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				found(locationOf(v.List().Get(i).Message(), before))
			}
		default:
			found(locationOf(v.Message(), before))
		}
		return true
	})
	return at
}
