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
	at := int32(-1)
	earlier := func(l int32) {
		if l >= 0 && (at < 0 || l < at) {
			at = l
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() == protoreflect.Int32Kind && fd.Name() == "location":
			earlier(int32(v.Int()))
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				earlier(firstLocation(v.List().Get(i).Message()))
			}
		default:
			earlier(firstLocation(v.Message()))
		}
		return true
	})
	return at
}
