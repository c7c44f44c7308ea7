import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import org.postgresql.jdbc.PreferQueryMode;
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
                query(db, "SELECT upper(note) FROM customers WHERE id > ?", 0);
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
            copy(db);
            metadata(db);
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
        db.rollback();
        db.setAutoCommit(true);
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
