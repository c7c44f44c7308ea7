import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import org.postgresql.jdbc.PreferQueryMode;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PGobject;
import org.postgresql.util.PSQLException;

/** What an application of JDBC does, printed for comparison. */
public class Jdbc {
    static String word;

    public static void main(String[] args) throws Exception {
        word = args[0];
        if (args.length > 1) {
            refused();
            return;
        }
        application("prepareThreshold=1");
        application("prepareThreshold=0&reWriteBatchedInserts=true");
        application("prepareThreshold=-1&binaryTransfer=true");
        application("preferQueryMode=simple");
        application("preferQueryMode=extendedCacheEverything&defaultRowFetchSize=3&autosave=always&stringtype=unspecified");
    }

    static Connection connect(String options) throws SQLException {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE")
            + "?sslmode=disable&" + options;
        return DriverManager.getConnection(url, System.getenv("PGUSER"), System.getenv("PGPASSWORD"));
    }

    /** An error like any other, and a session that goes on. */
    static void refused() throws Exception {
        try (Connection db = connect("")) {
            db.setAutoCommit(false);
            query(db, "INSERT INTO customers (name, email) VALUES ('refused', ?) RETURNING 1", word);
            Savepoint s = db.setSavepoint();
            try {
                query(db, "SELECT quote_ident(note) FROM customers WHERE id > ?", 0);
            } catch (SQLException e) {
                System.out.println(e.getSQLState());
            }
            db.rollback(s);
            System.out.println("refused, and usable: " + query(db, "SELECT email FROM customers WHERE email = ?", word).get(0).get(0));
            db.rollback();
        }
    }

    static void print(Object... values) {
        StringJoiner line = new StringJoiner(" | ");
        for (Object v : values) line.add(text(v));
        System.out.println(line);
    }

    static String text(Object v) {
        if (v instanceof byte[] b) return HexFormat.of().formatHex(b);
        if (v instanceof int[] a) return Arrays.toString(a);
        return String.valueOf(v);
    }

    static List<List<String>> rows(ResultSet rs) throws SQLException {
        List<List<String>> rows = new ArrayList<>();
        while (rs.next()) {
            List<String> row = new ArrayList<>();
            for (int i = 1; i <= rs.getMetaData().getColumnCount(); i++) row.add(text(rs.getObject(i)));
            rows.add(row);
        }
        return rows;
    }

    static List<List<String>> query(Connection db, String sql, Object... args) throws SQLException {
        try (PreparedStatement s = db.prepareStatement(sql)) {
            for (int i = 0; i < args.length; i++) s.setObject(i + 1, args[i]);
            try (ResultSet rs = s.executeQuery()) {
                return rows(rs);
            }
        }
    }

    static int update(Connection db, String sql, Object... args) throws SQLException {
        try (PreparedStatement s = db.prepareStatement(sql)) {
            for (int i = 0; i < args.length; i++) s.setObject(i + 1, args[i]);
            return s.executeUpdate();
        }
    }

    static void failure(Connection db, String sql, Object... args) throws SQLException {
        Savepoint s = db.getAutoCommit() ? null : db.setSavepoint();
        try {
            print("no error", update(db, sql, args));
        } catch (PSQLException e) {
            var m = e.getServerErrorMessage();
            print(e.getSQLState(), m == null ? e.getMessage() : m.getMessage(), m == null ? "" : m.getConstraint() + " " + m.getTable() + " " + m.getPosition());
        }
        if (s != null) db.rollback(s);
    }

    static PGobject object(String type, String value) throws SQLException {
        PGobject o = new PGobject();
        o.setType(type);
        o.setValue(value);
        return o;
    }

    static void application(String options) throws Exception {
        print(options);
        try (Connection db = connect(options)) {
            crud(db);
            transactions(db);
            if (!options.contains("simple")) portions(db);
            batches(db);
            updatable(db);
            typed(db);
            results(db);
            if (!options.contains("simple")) calls(db);
            copy(db);
            metadata(db);
            more(db.getMetaData());
            try (Statement s = db.createStatement()) {
                s.execute("TRUNCATE customers, orders RESTART IDENTITY");
            }
        }
    }

    static void crud(Connection db) throws Exception {
        String columns = "name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note";
        UUID token = UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        OffsetDateTime seen = OffsetDateTime.parse("2024-07-01T12:30:15.123456Z");
        try (PreparedStatement s = db.prepareStatement(
                "INSERT INTO customers (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            s.setString(1, "Ada");
            s.setString(2, word + "@example.com");
            s.setString(3, word + "1");
            s.setObject(4, LocalDate.of(1815, 12, 10));
            s.setInt(5, 7);
            s.setBigDecimal(6, new BigDecimal("1234.50"));
            s.setDouble(7, 0.1);
            s.setBoolean(8, true);
            s.setObject(9, seen);
            s.setObject(10, token);
            s.setObject(11, object("jsonb", "{\"likes\": [1, null, \"" + word + "\"]}"));
            byte[] photo = ("\u0000'\\" + word).getBytes(StandardCharsets.UTF_8);
            if (db.unwrap(PGConnection.class).getPreferQueryMode() == PreferQueryMode.SIMPLE)
                s.setObject(12, object("bytea", "\\x" + HexFormat.of().formatHex(photo))); // the driver cannot write bytes as a literal
            else s.setBytes(12, photo);
            s.setString(13, "it's a \\ note\n\t" + word + " ünï");
            print(s.executeUpdate());
            try (ResultSet keys = s.getGeneratedKeys()) {
                print(rows(keys));
            }
            s.setString(1, "Null");
            s.setString(2, word + "2@example.com");
            int[] types = {Types.VARCHAR, Types.DATE, Types.INTEGER, Types.NUMERIC, Types.DOUBLE, Types.BOOLEAN, Types.TIMESTAMP_WITH_TIMEZONE, Types.OTHER, Types.OTHER, Types.BINARY, Types.VARCHAR};
            for (int i = 0; i < types.length; i++) s.setNull(i + 3, types[i]);
            s.executeUpdate();
        }
        for (int i = 0; i < 6; i++) { // from the fifth execution on, the driver prepares
            try (PreparedStatement s = db.prepareStatement("SELECT * FROM customers WHERE email = ?")) {
                s.setString(1, word + "@example.com");
                try (ResultSet rs = s.executeQuery()) {
                    ResultSetMetaData m = rs.getMetaData();
                    if (i == 0) {
                        for (int c = 1; c <= m.getColumnCount(); c++)
                            print(m.getColumnName(c), m.getTableName(c), m.getColumnTypeName(c), m.getColumnClassName(c), m.getPrecision(c), m.getScale(c), m.getColumnDisplaySize(c), m.isNullable(c), m.isAutoIncrement(c));
                    }
                    print(rows(rs));
                }
                ParameterMetaData p = s.getParameterMetaData();
                print(p.getParameterCount(), p.getParameterTypeName(1));
            }
        }
        try (Statement s = db.createStatement(); ResultSet rs = s.executeQuery("SELECT email, born, visits, income, vip, seen, token, photo FROM customers WHERE ssn = '" + word + "1'")) {
            rs.next();
            print(rs.getString(1), rs.getObject(2, LocalDate.class), rs.getInt("visits"), rs.getBigDecimal(4), rs.getBoolean(5), rs.getObject(6, OffsetDateTime.class), rs.getObject(7, UUID.class), rs.getBytes(8));
        }
        print(query(db, "SELECT id FROM customers WHERE born = ?", LocalDate.of(1815, 12, 10)), query(db, "SELECT id FROM customers WHERE visits = ?", 7),
            query(db, "SELECT id FROM customers WHERE income = ?", new BigDecimal("1234.5")), query(db, "SELECT id FROM customers WHERE token = ?", token),
            query(db, "SELECT id FROM customers WHERE ssn = ? OR email = ?", "nobody", word + "2@example.com"), query(db, "SELECT name FROM contacts WHERE ssn = ?", word + "1"));
        print(query(db, "SELECT id FROM customers WHERE email = ANY (?) ORDER BY id", db.createArrayOf("varchar", new String[] {word + "@example.com", word + "2@example.com"})));
        print(query(db, "UPDATE customers SET ssn = ?, born = ? WHERE email = ? RETURNING ssn, born", word + "x", LocalDate.of(2024, 2, 29), word + "@example.com"));
        print(update(db, "UPDATE customers SET visits = ? WHERE visits = ?", 8, 7));
        print(query(db, "INSERT INTO customers (name, email, visits) VALUES ('up', ?, 9) ON CONFLICT (email) DO UPDATE SET visits = EXCLUDED.visits RETURNING name, visits", word + "@example.com"));
        try (Statement s = db.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
                ResultSet rs = s.executeQuery("SELECT id, email, note FROM customers ORDER BY id")) {
            rs.last();
            rs.updateString("note", word + " updated");
            rs.updateRow();
            print(rs.getRow(), rs.getString("note"));
        }
        print(query(db, "SELECT note FROM customers WHERE name = 'Null'"));
    }

    static void transactions(Connection db) throws Exception {
        failure(db, "INSERT INTO customers (name, email) VALUES ('twice', ?)", word + "@example.com");
        failure(db, "INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', ?)", word + word);
        failure(db, "INSERT INTO customers (name, email) VALUES ('null', ?)", (Object) null);
        failure(db, "UPDATE customers SET income = ?", new BigDecimal("1e10"));
        failure(db, "SELECT nothing FROM customers WHERE email = ?", word);
        db.setAutoCommit(false);
        update(db, "UPDATE customers SET note = ? WHERE name = 'Ada'", word + " undone");
        failure(db, "INSERT INTO customers (name, email) VALUES ('twice', ?)", word + "@example.com");
        print(query(db, "SELECT note FROM customers WHERE name = 'Ada'"));
        db.rollback();
        print(query(db, "SELECT note FROM customers WHERE name = 'Ada'"));
        db.rollback();
        db.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        db.setReadOnly(true);
        failure(db, "DELETE FROM customers WHERE ssn = ?", word + "x");
        db.rollback();
        db.setReadOnly(false);
        db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        db.setAutoCommit(true);
    }

    static void batches(Connection db) throws Exception {
        try (PreparedStatement s = db.prepareStatement("INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, ?, now(), ?, ?)")) {
            for (int i = 0; i < 40; i++) {
                s.setBigDecimal(1, BigDecimal.valueOf(i));
                s.setString(2, word + i);
                s.setString(3, i % 2 == 0 ? null : "order " + word);
                s.addBatch();
            }
            int done = 0;
            for (int n : s.executeBatch()) done += n == Statement.SUCCESS_NO_INFO ? 1 : n;
            print(done);
        }
        try (PreparedStatement s = db.prepareStatement("UPDATE orders SET comment = ? WHERE card = ?", new String[] {"id", "comment"})) {
            for (int i = 0; i < 3; i++) {
                s.setString(1, word + " batch " + i);
                s.setString(2, word + i);
                s.addBatch();
            }
            print(s.executeBatch());
            print(rows(s.getGeneratedKeys()));
        }
        print(query(db, "SELECT c.email, o.card, o.comment FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.card = ?", word + 1));
        try (PreparedStatement s = db.prepareStatement("INSERT INTO customers (name, email) VALUES ('batch', ?)")) {
            for (String mail : new String[] {word + "b1", word + "@example.com", word + "b2"}) {
                s.setString(1, mail);
                s.addBatch();
            }
            s.executeBatch();
        } catch (BatchUpdateException e) {
            print(e.getSQLState());
        }
        print(query(db, "SELECT count(*), count(visits) FROM customers"));
    }

    static void portions(Connection db) throws Exception {
        db.setAutoCommit(false); // the condition for reading a portal in portions
        try (PreparedStatement s = db.prepareStatement("INSERT INTO orders (customer_id, amount, placed, card) SELECT 1, n, now(), ? FROM generate_series(1, 50) n")) {
            s.setString(1, word + "p");
            print(s.executeUpdate());
        }
        try (PreparedStatement s = db.prepareStatement("SELECT card, comment FROM orders WHERE card = ? ORDER BY id")) {
            s.setFetchSize(7);
            s.setString(1, word + "p");
            int n = 0;
            try (ResultSet rs = s.executeQuery()) {
                while (rs.next()) n += rs.getString(1).trim().equals(word + "p") ? 1 : 0;
            }
            print("in portions", n);
        }
        try (PreparedStatement s = db.prepareStatement("SELECT card, amount FROM orders WHERE card LIKE ? ORDER BY card DESC, id")) {
            s.setFetchSize(7);
            s.setString(1, "%" + word + "%");
            List<List<String>> sorted;
            try (ResultSet rs = s.executeQuery()) {
                sorted = rows(rs);
            }
            s.setMaxRows(3);
            try (ResultSet rs = s.executeQuery()) {
                print("sorted in portions", sorted.size(), sorted.get(8), rows(rs));
            }
        }
        db.rollback();
        db.setAutoCommit(true);
    }

    /** Rows changed, added and deleted through a result set. */
    static void updatable(Connection db) throws Exception {
        try (Statement s = db.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE);
                ResultSet rs = s.executeQuery("SELECT id, name, email, born, visits, income, vip, seen, note FROM customers ORDER BY id")) {
            rs.moveToInsertRow();
            rs.updateLong("id", 900);
            rs.updateString("name", "Inserted");
            rs.updateString("email", word + "900");
            rs.updateDate("born", java.sql.Date.valueOf("1999-12-31"));
            rs.updateInt("visits", 41);
            rs.updateBigDecimal("income", new BigDecimal("99.90"));
            rs.updateBoolean("vip", false);
            rs.updateTimestamp("seen", Timestamp.from(Instant.parse("2024-01-02T03:04:05.678Z")));
            rs.insertRow();
            rs.moveToCurrentRow();
            rs.last();
            print(rs.getLong(1), rs.getString(3), rs.getInt(5), rs.getString(9), rs.wasNull());
            rs.updateInt("visits", 42);
            rs.updateNull("vip");
            rs.updateString("note", word + " changed");
            rs.cancelRowUpdates();
            print(rs.getInt(5));
            rs.updateInt("visits", 43);
            rs.updateNull("vip");
            rs.updateRow();
            update(db, "UPDATE customers SET note = ? WHERE id = 900", word + " beside");
            rs.refreshRow();
            print(rs.getInt(5), rs.getString(7), rs.getString(9), rs.rowUpdated());
            rs.deleteRow();
            print(rs.rowDeleted(), query(db, "SELECT count(*) FROM customers WHERE id = 900"));
        }
        try (PreparedStatement s = db.prepareStatement("INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, ?, '2024-01-01', ?, ?)", new String[] {"card", "comment", "amount"})) {
            for (int i = 0; i < 5; i++) {
                s.setInt(1, i);
                s.setString(2, word + "k" + i);
                s.setString(3, i == 3 ? null : word);
                s.addBatch();
            }
            print(s.executeLargeBatch().length, rows(s.getGeneratedKeys()));
        }
    }

    /** Values of one type given and asked for as another. */
    static void typed(Connection db) throws Exception {
        Calendar tokyo = Calendar.getInstance(TimeZone.getTimeZone("Asia/Tokyo"));
        boolean simple = db.unwrap(PGConnection.class).getPreferQueryMode() == PreferQueryMode.SIMPLE;
        try (PreparedStatement s = db.prepareStatement("UPDATE customers SET visits = ?, income = ?, score = ?, seen = ?, born = ?, vip = ?, token = ?, note = ?, ssn = ? WHERE name = 'Null'")) {
            Object[] times = {
                Timestamp.valueOf("2024-03-10 02:30:00.000001"), OffsetDateTime.parse("1999-12-31T23:59:59.999999+05:30"),
                LocalDateTime.parse("2024-07-01T12:00:00"), OffsetDateTime.MAX, OffsetDateTime.parse("-0043-03-15T12:00:00Z"),
            };
            for (int i = 0; i < times.length; i++) {
                s.setObject(1, "12", Types.INTEGER);
                s.setObject(2, 1.005, Types.NUMERIC, 2);
                s.setObject(3, i % 2 == 0 ? Double.NEGATIVE_INFINITY : 1e-300);
                s.setObject(4, times[i]);
                s.setDate(5, java.sql.Date.valueOf("2024-02-29"), tokyo);
                s.setObject(6, i % 2, Types.BOOLEAN);
                s.setObject(7, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1" + i, Types.OTHER);
                if (simple) s.setString(8, word);
                else s.setCharacterStream(8, new StringReader(word + "\u1234"), word.length() + 1);
                s.setObject(9, null, i % 2 == 0 ? Types.VARCHAR : Types.NULL);
                print(s.executeUpdate());
                try (Statement q = db.createStatement(); ResultSet rs = q.executeQuery("SELECT visits, income, score, seen, born, vip, token, note FROM customers WHERE name = 'Null'")) {
                    rs.next();
                    print(rs.getLong(1), rs.getString(1), rs.getShort(1), rs.getDouble(2), rs.getObject(2), rs.getFloat(3), rs.getString(4), rs.getTimestamp(4, tokyo).getTime(),
                        rs.getDate(5, tokyo).getTime(), rs.getString(5), rs.getTimestamp(5), rs.getBoolean(6), rs.getString(6), rs.getObject(7), rs.getCharacterStream(8).read());
                    if (i != 3) print(rs.getObject(4, OffsetDateTime.class), rs.getTime(4, tokyo));
                }
            }
        }
        print(query(db, "SELECT name FROM customers WHERE visits = ANY (?) ORDER BY id", db.createArrayOf("int4", new Object[] {12, null, 8})),
            query(db, "SELECT name FROM customers WHERE token = ANY (?)", db.createArrayOf("uuid", new UUID[] {UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a14")})));
        failure(db, "UPDATE customers SET visits = ? WHERE name = 'Null'", "twelve");
        failure(db, "SELECT id FROM customers WHERE born = ?", "no date");
    }

    /** Several results of one text, result sets read back and forth, limits. */
    static void results(Connection db) throws Exception {
        try (Statement s = db.createStatement()) {
            boolean rows = s.execute("UPDATE customers SET visits = 77 WHERE name = 'Null'; SELECT email FROM customers WHERE visits = 77; DELETE FROM customers WHERE visits = 78; SELECT note, name FROM customers WHERE name = 'Null'");
            for (int n = s.getUpdateCount(); rows || n >= 0; rows = s.getMoreResults(), n = s.getUpdateCount()) {
                if (rows) print(rows(s.getResultSet()));
                else print(n);
            }
        }
        db.setAutoCommit(false);
        try (PreparedStatement s = db.prepareStatement("SELECT id, card, comment FROM orders WHERE customer_id = ? ORDER BY id", ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY)) {
            s.setInt(1, 1);
            s.setFetchSize(4);
            s.setMaxRows(9);
            try (ResultSet rs = s.executeQuery()) {
                print(rs.absolute(-1), rs.getString(2), rs.relative(-3), rs.getString(2), rs.first(), rs.getString(3), rs.absolute(9), rs.next(), rs.isAfterLast());
            }
        }
        try (Statement s = db.createStatement()) { // two portals read by turns
            s.setFetchSize(2);
            try (ResultSet rs = s.executeQuery("SELECT card FROM orders ORDER BY id LIMIT 5"); Statement s2 = db.createStatement()) {
                s2.setFetchSize(3);
                try (ResultSet rs2 = s2.executeQuery("SELECT comment, card FROM orders ORDER BY id DESC LIMIT 5")) {
                    while (rs.next() && rs2.next()) print(rs.getString(1), rs2.getString(1), rs2.getString(2));
                }
            }
        }
        db.rollback();
        db.setAutoCommit(true);
    }

    /** Calls of functions and procedures, and large objects, which are calls of functions by OID. */
    static void calls(Connection db) throws Exception {
        try (Statement s = db.createStatement()) {
            s.execute("CREATE OR REPLACE PROCEDURE place(IN customer bigint, INOUT amount numeric) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO orders (customer_id, amount, placed) VALUES (customer, amount, '2024-01-01'); amount := amount * 2; END $$");
        }
        try (CallableStatement c = db.prepareCall("{? = call lower(?)}")) {
            c.registerOutParameter(1, Types.VARCHAR);
            c.setString(2, "ABC");
            c.execute();
            print(c.getString(1));
        }
        try (CallableStatement c = db.prepareCall("CALL place(?, ?)")) {
            c.registerOutParameter(2, Types.NUMERIC);
            c.setLong(1, 1);
            c.setBigDecimal(2, new BigDecimal("21.00"));
            c.execute();
            print(c.getBigDecimal(2), query(db, "SELECT amount, card FROM orders WHERE amount = 21 AND card IS NULL"));
        }
        db.setAutoCommit(false);
        LargeObjectManager large = db.unwrap(PGConnection.class).getLargeObjectAPI();
        long oid = large.createLO();
        try (LargeObject o = large.open(oid)) {
            o.write("beside sealed columns".getBytes(StandardCharsets.UTF_8));
            o.seek(7);
            print(new String(o.read(6), StandardCharsets.UTF_8), o.tell(), o.size(), query(db, "SELECT note FROM customers WHERE email = ?", word + "2@example.com"));
            o.truncate(6);
            print(o.size());
        }
        large.delete(oid);
        db.commit();
        db.setAutoCommit(true);
        try (Statement s = db.createStatement()) {
            s.execute("DROP PROCEDURE place");
        }
    }

    /** What tools ask about tables that have sealed columns. */
    static void more(DatabaseMetaData m) throws Exception {
        try (ResultSet rs = m.getColumns(null, null, "contacts", null)) {
            while (rs.next()) print(rs.getString("COLUMN_NAME"), rs.getString("TYPE_NAME"), rs.getInt("COLUMN_SIZE"), rs.getInt("CHAR_OCTET_LENGTH"), rs.getString("IS_GENERATEDCOLUMN"));
        }
        try (ResultSet rs = m.getBestRowIdentifier(null, "public", "customers", DatabaseMetaData.bestRowSession, false)) {
            while (rs.next()) print(rs.getString("COLUMN_NAME"), rs.getString("TYPE_NAME"), rs.getInt("PSEUDO_COLUMN"));
        }
        try (ResultSet rs = m.getColumnPrivileges(null, "public", "customers", "%s%")) {
            while (rs.next()) print(rs.getString("COLUMN_NAME"), rs.getString("PRIVILEGE"), rs.getString("IS_GRANTABLE"));
        }
        try (ResultSet rs = m.getExportedKeys(null, "public", "customers")) {
            while (rs.next()) print(rs.getString("PKCOLUMN_NAME"), rs.getString("FKTABLE_NAME"), rs.getInt("DELETE_RULE"));
        }
        try (ResultSet rs = m.getIndexInfo(null, "public", "orders", true, true)) {
            while (rs.next()) print(rs.getString("INDEX_NAME"), rs.getString("COLUMN_NAME"), rs.getString("ASC_OR_DESC"), rs.getString("FILTER_CONDITION"));
        }
        try (ResultSet rs = m.getSchemas()) {
            while (rs.next()) print(rs.getString(1));
        }
        int types = 0;
        try (ResultSet rs = m.getTypeInfo()) {
            while (rs.next()) types++;
        }
        print(types, rows(m.getUDTs(null, "public", "%", null)), m.getSQLKeywords().isEmpty());
    }

    static void copy(Connection db) throws Exception {
        CopyManager copy = db.unwrap(PGConnection.class).getCopyAPI();
        print(copy.copyIn("COPY customers (name, email, visits, born) FROM STDIN WITH (FORMAT csv)", new StringReader("\"a, b\"," + word + "c1,1,2024-02-29\nc," + word + "c2,,\n")));
        StringWriter out = new StringWriter();
        print(copy.copyOut("COPY (SELECT name, email, visits, born FROM customers ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)", out));
        print(out);
        try {
            copy.copyIn("COPY customers (name, email) FROM STDIN", new StringReader("twice\t" + word + "c1\n"));
        } catch (SQLException e) {
            print(e.getSQLState());
        }
    }

    static void metadata(Connection db) throws Exception {
        DatabaseMetaData m = db.getMetaData();
        try (ResultSet rs = m.getColumns(null, "public", "customers", "%")) {
            while (rs.next())
                print(rs.getString("COLUMN_NAME"), rs.getInt("DATA_TYPE"), rs.getString("TYPE_NAME"), rs.getInt("COLUMN_SIZE"), rs.getInt("DECIMAL_DIGITS"), rs.getString("IS_NULLABLE"), rs.getString("COLUMN_DEF"), rs.getInt("ORDINAL_POSITION"), rs.getString("IS_AUTOINCREMENT"));
        }
        try (ResultSet rs = m.getIndexInfo(null, "public", "customers", false, false)) {
            while (rs.next()) print(rs.getString("INDEX_NAME"), rs.getBoolean("NON_UNIQUE"), rs.getString("COLUMN_NAME"), rs.getInt("ORDINAL_POSITION"));
        }
        try (ResultSet rs = m.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})) {
            while (rs.next()) print(rs.getString("TABLE_NAME"), rs.getString("TABLE_TYPE"));
        }
        try (ResultSet rs = m.getPrimaryKeys(null, "public", "customers")) {
            while (rs.next()) print(rs.getString("COLUMN_NAME"), rs.getString("PK_NAME"));
        }
        try (ResultSet rs = m.getImportedKeys(null, "public", "orders")) {
            while (rs.next()) print(rs.getString("PKTABLE_NAME"), rs.getString("FKCOLUMN_NAME"), rs.getString("FK_NAME"));
        }
    }
}
