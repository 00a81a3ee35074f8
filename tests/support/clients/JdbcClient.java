// java JdbcClient.java URI: what the JDBC driver does, as a transcript that is the same on every connection to one database.
import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class JdbcClient {
  static URI uri;

  interface Action { void run() throws Exception; }

  static void show(String what, Object value) { System.out.println(what + ": " + value); }

  static void refused(String what, Action action) throws Exception {
    try {
      action.run();
      show(what, "no error");
    } catch (BatchUpdateException e) {
      show(what, "batch " + Arrays.toString(e.getUpdateCounts()) + " " + e.getSQLState() + " " + e.getMessage());
    } catch (SQLException e) {
      ServerErrorMessage m = e instanceof PSQLException ? ((PSQLException) e).getServerErrorMessage() : null;
      show(what, e.getSQLState() + " " + (m == null ? e.getMessage() : m + " position " + m.getPosition() + " " + m.getRoutine()));
    }
  }

  static Connection connect(String... properties) throws Exception {
    Properties p = new Properties();
    String[] user = uri.getUserInfo().split(":", 2);
    p.setProperty("user", user[0]);
    p.setProperty("password", user[1]);
    for (int i = 0; i < properties.length; i += 2) p.setProperty(properties[i], properties[i + 1]);
    return DriverManager.getConnection("jdbc:postgresql://" + uri.getHost() + ":" + uri.getPort() + uri.getPath(), p);
  }

  static List<Object> column(ResultSet r) throws SQLException {
    List<Object> values = new ArrayList<>();
    while (r.next()) values.add(r.getObject(1));
    r.close();
    return values;
  }

  static Object one(Connection c, String sql) throws SQLException {
    try (Statement s = c.createStatement()) { return column(s.executeQuery(sql)); }
  }

  static void run(Connection c, String sql) throws SQLException {
    try (Statement s = c.createStatement()) { s.execute(sql); }
  }

  static void basics() throws Exception {
    try (Connection c = connect()) {
      DatabaseMetaData m = c.getMetaData();
      show("server", m.getDatabaseProductVersion());
      PGConnection pg = c.unwrap(PGConnection.class);
      show("same process", one(c, "SELECT pg_backend_pid()").equals(List.of(pg.getBackendPID())));
      run(c, "DROP SCHEMA IF EXISTS client_jdbc CASCADE; CREATE SCHEMA client_jdbc; SET search_path = client_jdbc");
      run(c, "CREATE TABLE t (id serial PRIMARY KEY, s text, n numeric(10, 2), b bytea, at timestamptz, a int[], u uuid)");
      try (PreparedStatement p = c.prepareStatement("INSERT INTO t (s, n, b, at, a, u) VALUES (?, ?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
        p.setString(1, "zwölf");
        p.setBigDecimal(2, new java.math.BigDecimal("1.50"));
        p.setBytes(3, new byte[] {0, -1});
        p.setObject(4, java.time.OffsetDateTime.parse("2026-01-01T00:00:00Z"));
        p.setArray(5, c.createArrayOf("int4", new Object[] {1, null, 3}));
        p.setObject(6, UUID.fromString("00000000-0000-0000-0000-00000000002a"));
        show("insert", p.executeUpdate());
        ResultSet keys = p.getGeneratedKeys();
        keys.next();
        show("keys", keys.getInt("id") + " " + keys.getString("s") + " " + keys.getTimestamp("at").toInstant());
      }
      try (ResultSet r = m.getColumns(null, "client_jdbc", "t", null)) {
        while (r.next()) show("column", r.getString("COLUMN_NAME") + " " + r.getString("TYPE_NAME") + " " + r.getInt("COLUMN_SIZE"));
      }
      try (Statement s = c.createStatement()) {
        boolean rows = s.execute("SELECT 1; UPDATE t SET n = 2; SELECT 2 WHERE false");
        while (rows || s.getUpdateCount() != -1) {
          show("several", rows ? column(s.getResultSet()) : s.getUpdateCount());
          rows = s.getMoreResults();
        }
        s.execute("DO $$ BEGIN RAISE WARNING 'careful'; END $$");
        show("warnings", s.getWarnings().getMessage() + " " + s.getWarnings().getSQLState());
      }
      run(c, "");
      // From the fifth execution on the driver uses a named statement and asks for binary values.
      try (PreparedStatement p = c.prepareStatement("SELECT ?::int * 2, n, at, a FROM t")) {
        for (int i = 0; i < 8; i++) {
          p.setInt(1, i);
          ResultSet r = p.executeQuery();
          r.next();
          show("run", r.getInt(1) + " " + r.getBigDecimal(2) + " " + r.getTimestamp(3).toInstant() + " " + r.getArray(4));
        }
      }
      show("prepared", one(c, "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%* 2, n%'"));
    }
  }

  static void errors() throws Exception {
    try (Connection c = connect("currentSchema", "client_jdbc")) {
      refused("syntax", () -> run(c, "SELEC 1"));
      refused("extended", () -> {
        try (PreparedStatement p = c.prepareStatement("SELECT 'ää', nothere FROM t WHERE id = ?")) {
          p.setInt(1, 1);
          p.executeQuery();
        }
      });
      refused("unique", () -> run(c, "INSERT INTO t (id) VALUES (1)"));
      refused("several", () -> run(c, "SELECT 1; SELECT 1/0; SELECT 2"));
      c.setAutoCommit(false);
      refused("fails", () -> run(c, "SELECT 1/0"));
      refused("failed transaction", () -> run(c, "SELECT 1"));
      c.rollback();
      Savepoint s = c.setSavepoint("here");
      run(c, "INSERT INTO t (s) VALUES ('gone')");
      c.rollback(s);
      c.commit();
      show("rows", one(c, "SELECT count(*) FROM t"));
    }
    try (Connection c = connect("autosave", "always", "currentSchema", "client_jdbc")) {
      c.setAutoCommit(false);
      run(c, "INSERT INTO t (s) VALUES ('saved')");
      refused("fails", () -> run(c, "SELECT 1/0"));
      show("lives", one(c, "SELECT s FROM t WHERE s = 'saved'"));
      c.rollback();
    }
  }

  static void batches() throws Exception {
    for (String rewrite : new String[] {"false", "true"}) {
      try (Connection c = connect("currentSchema", "client_jdbc", "reWriteBatchedInserts", rewrite)) {
        c.setAutoCommit(false);
        try (PreparedStatement p = c.prepareStatement("INSERT INTO t (s, n) VALUES (?, ?)")) {
          for (int i = 0; i < 1000; i++) {
            p.setString(1, "batch " + i);
            p.setInt(2, i);
            p.addBatch();
          }
          show("batch", p.executeBatch().length);
        }
        show("sum", one(c, "SELECT sum(n) FROM t WHERE s LIKE 'batch%'"));
        try (Statement s = c.createStatement()) {
          s.addBatch("UPDATE t SET n = 1 WHERE id = 1");
          s.addBatch("DELETE FROM t WHERE id < 0");
          s.addBatch("INSERT INTO t (s) VALUES ('last')");
          show("mixed", Arrays.toString(s.executeBatch()));
        }
        c.rollback();
        refused("batch that fails", () -> {
          try (PreparedStatement p = c.prepareStatement("INSERT INTO t (id) VALUES (?)")) {
            for (int id : new int[] {900, 901, 1, 902}) {
              p.setInt(1, id);
              p.addBatch();
            }
            p.executeBatch();
          }
        });
        c.rollback();
      }
    }
  }

  static void portals() throws Exception {
    try (Connection c = connect()) {
      c.setAutoCommit(false);
      try (Statement s = c.createStatement()) {
        s.setFetchSize(100);
        try (ResultSet r = s.executeQuery("SELECT generate_series(1, 1050)")) {
          long sum = 0;
          while (r.next()) sum += r.getInt(1);
          show("in portions", sum);
        }
        // Two portals open at once, one given up.
        try (Statement t = c.createStatement()) {
          t.setFetchSize(10);
          ResultSet a = s.executeQuery("SELECT generate_series(1, 500)");
          ResultSet b = t.executeQuery("SELECT generate_series(501, 1000)");
          long sum = 0;
          for (int i = 0; i < 150; i++) {
            a.next();
            b.next();
            sum += a.getInt(1) + b.getInt(1);
          }
          a.close();
          show("rest", column(b).size() + " " + sum);
        }
        s.setFetchSize(3);
        refused("fails on the way", () -> column(s.executeQuery("SELECT 10 / (8 - g) FROM generate_series(1, 20) g")));
        c.rollback();
        s.setMaxRows(5);
        show("maximum", column(s.executeQuery("SELECT generate_series(1, 100)")));
      }
      c.commit();
    }
    for (String mode : new String[] {"simple", "extendedForPrepared", "extendedCacheEverything"}) {
      try (Connection c = connect("preferQueryMode", mode, "prepareThreshold", "1");
           PreparedStatement p = c.prepareStatement("SELECT ?::text || ?")) {
        p.setString(1, "it's ");
        p.setString(2, mode);
        for (int i = 0; i < 2; i++) show("mode", column(p.executeQuery()));
      }
    }
  }

  static void copies() throws Exception {
    try (Connection c = connect()) {
      run(c, "CREATE TEMP TABLE k (a int, b text)");
      CopyManager copy = c.unwrap(PGConnection.class).getCopyAPI();
      StringBuilder lines = new StringBuilder();
      for (int i = 0; i < 20000; i++) lines.append(i).append('\t').append("x".repeat(i % 80)).append('\n');
      show("in", copy.copyIn("COPY k FROM STDIN", new StringReader(lines.toString())));
      StringWriter out = new StringWriter();
      show("out", copy.copyOut("COPY (SELECT * FROM k WHERE a < 4 ORDER BY a) TO STDOUT WITH CSV HEADER", out));
      show("csv", out.toString().replace("\n", "|"));
      refused("bad data", () -> copy.copyIn("COPY k FROM STDIN", new ByteArrayInputStream("x\ty\n".repeat(50000).getBytes(StandardCharsets.UTF_8))));
      var given = copy.copyIn("COPY k FROM STDIN");
      byte[] row = "1\tone\n".getBytes(StandardCharsets.UTF_8);
      given.writeToCopy(row, 0, row.length);
      refused("given up", () -> given.cancelCopy());
      refused("no copy", () -> copy.copyOut("SELECT 1", new StringWriter()));
      show("rows", one(c, "SELECT count(*) FROM k"));
    }
  }

  static void largeObjects() throws Exception {
    try (Connection c = connect()) {
      c.setAutoCommit(false);
      LargeObjectManager m = c.unwrap(PGConnection.class).getLargeObjectAPI();
      long number = m.createLO();
      LargeObject o = m.open(number, LargeObjectManager.READWRITE);
      o.write(new byte[100000]);
      o.seek(99990);
      show("read", o.read(100).length + " " + o.size());
      o.close();
      m.delete(number);
      try {
        m.open(number);
      } catch (SQLException e) {
        show("gone", e.getSQLState()); // its message has the number, which is another each time
      }
      c.rollback();
    }
  }

  static void notificationsAndCancel() throws Exception {
    try (Connection c = connect(); Connection other = connect()) {
      run(c, "LISTEN news");
      run(other, "NOTIFY news, 'a payload'");
      PGNotification[] n = c.unwrap(PGConnection.class).getNotifications(10000);
      show("heard", n[0].getName() + " " + n[0].getParameter() + " " + (n[0].getPID() == other.unwrap(PGConnection.class).getBackendPID()));
      for (int i = 0; i < 2; i++) {
        try (Statement s = c.createStatement()) {
          Thread t = new Thread(() -> {
            try {
              Thread.sleep(300);
              s.cancel();
            } catch (Exception e) {
              show("cancel", e);
            }
          });
          t.start();
          refused("cancelled", () -> s.execute("SELECT pg_sleep(60)"));
          t.join();
        }
      }
      try (Statement s = c.createStatement()) {
        s.setQueryTimeout(1);
        refused("times out", () -> s.execute("SELECT pg_sleep(60)"));
      }
      show("usable", one(c, "SELECT 1") + " " + c.isValid(5));
    }
  }

  static void large() throws Exception {
    try (Connection c = connect(); PreparedStatement p = c.prepareStatement("SELECT ?::text")) {
      String value = "0123456789".repeat(500000);
      p.setString(1, value);
      ResultSet r = p.executeQuery();
      r.next();
      show("there and back", r.getString(1).equals(value));
      try (Statement s = c.createStatement()) {
        ResultSet rows = s.executeQuery("SELECT repeat('x', 1000) FROM generate_series(1, 5000)");
        long sum = 0;
        while (rows.next()) sum += rows.getString(1).length();
        show("rows", sum);
        s.execute("DROP SCHEMA client_jdbc CASCADE");
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    uri = new URI(arguments[0]);
    Map<String, Action> parts = new LinkedHashMap<>();
    parts.put("basics", JdbcClient::basics);
    parts.put("errors", JdbcClient::errors);
    parts.put("batches", JdbcClient::batches);
    parts.put("portals", JdbcClient::portals);
    parts.put("copies", JdbcClient::copies);
    parts.put("large objects", JdbcClient::largeObjects);
    parts.put("notifications and cancel", JdbcClient::notificationsAndCancel);
    parts.put("large", JdbcClient::large);
    for (var part : parts.entrySet()) {
      System.out.println("== " + part.getKey());
      part.getValue().run();
    }
  }
}
