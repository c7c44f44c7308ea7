import java.sql.*;
import java.util.*;

/** What JDBC's DatabaseMetaData says of a database, printed for comparison. */
public class Introspect {
    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        try (Connection c = DriverManager.getConnection(url, System.getenv("PGUSER"), System.getenv("PGPASSWORD"))) {
            DatabaseMetaData m = c.getMetaData();
            print("schemas", m.getSchemas());
            print("tables", m.getTables(null, "public", "%", null));
            print("columns", m.getColumns(null, "public", "%", "%"));
            print("types", m.getUDTs(null, null, "%", null));
            print("privileges", m.getTablePrivileges(null, "public", "%"));
            print("functions", m.getFunctions(null, "pgseal%", "%"));
            for (String table : List.of("customers", "orders", "contacts")) {
                print("index of " + table, m.getIndexInfo(null, "public", table, false, true));
                print("key of " + table, m.getPrimaryKeys(null, "public", table));
                print("keys in " + table, m.getImportedKeys(null, "public", table));
                print("best row of " + table, m.getBestRowIdentifier(null, "public", table, DatabaseMetaData.bestRowSession, true));
                try (ResultSet r = c.createStatement().executeQuery("SELECT * FROM " + table + " WHERE false")) {
                    ResultSetMetaData d = r.getMetaData();
                    for (int i = 1; i <= d.getColumnCount(); i++) {
                        System.out.println(d.getTableName(i) + "." + d.getColumnName(i) + " " + d.getColumnTypeName(i) + " " + d.getPrecision(i) + " "
                            + d.getScale(i) + " " + d.isNullable(i) + " " + d.isAutoIncrement(i) + " " + d.isCaseSensitive(i));
                    }
                }
            }
        }
    }

    static void print(String what, ResultSet r) throws SQLException {
        System.out.println(what);
        ResultSetMetaData d = r.getMetaData();
        while (r.next()) {
            StringJoiner row = new StringJoiner(" | ");
            for (int i = 1; i <= d.getColumnCount(); i++) {
                String name = d.getColumnName(i);
                // The planner's estimates are not part of the schema.
                row.add(name.equalsIgnoreCase("PAGES") || name.equalsIgnoreCase("CARDINALITY") ? name : String.valueOf(r.getString(i)));
            }
            System.out.println("  " + row);
        }
    }
}
