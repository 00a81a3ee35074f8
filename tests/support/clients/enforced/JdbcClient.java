// java JdbcClient.java URI: what the JDBC driver does with shop.sql's items, as a transcript that is the same on every
// connection.
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
      try (PreparedStatement p = c.prepareStatement("INSERT INTO items (name, price, raw, made, tags) VALUES (?, ?, ?, ?, ?)",
          Statement.RETURN_GENERATED_KEYS)) {
        p.setString(1, "zwölf");
        p.setBigDecimal(2, new java.math.BigDecimal("1.50"));
        p.setBytes(3, new byte[] {0, -1});
        p.setObject(4, java.time.OffsetDateTime.parse("2026-01-01T00:00:00Z"));
        p.setArray(5, c.createArrayOf("text", new Object[] {"a", null, "b"}));
        show("insert", p.executeUpdate());
        ResultSet keys = p.getGeneratedKeys();
        keys.next();
        show("keys", (keys.getInt("id") > 0) + " " + keys.getString("name") + " " + keys.getTimestamp("made").toInstant());
      }
      try (ResultSet r = m.getTables(null, "public", "items", new String[] {"TABLE"})) {
        while (r.next()) show("table", r.getString("TABLE_NAME") + " " + r.getString("REMARKS"));
      }
      try (ResultSet r = m.getColumns(null, "public", "items", null)) {
        while (r.next()) show("column", r.getString("COLUMN_NAME") + " " + r.getString("TYPE_NAME") + " " + r.getInt("COLUMN_SIZE"));
      }
      try (ResultSet r = m.getPrimaryKeys(null, "public", "items")) {
        while (r.next()) show("key", r.getString("COLUMN_NAME") + " " + r.getString("PK_NAME"));
      }
      try (ResultSet r = m.getIndexInfo(null, "public", "items", false, true)) {
        while (r.next()) show("index", r.getString("INDEX_NAME") + " " + r.getString("COLUMN_NAME") + " " + r.getBoolean("NON_UNIQUE"));
      }
      try (Statement s = c.createStatement()) {
        boolean rows = s.execute("SELECT 1; UPDATE items SET price = 2; SELECT 2 WHERE false");
        while (rows || s.getUpdateCount() != -1) {
          show("several", rows ? column(s.getResultSet()) : s.getUpdateCount());
          rows = s.getMoreResults();
        }
        s.execute("SELECT say('careful')");
        show("warnings", s.getWarnings().getMessage() + " " + s.getWarnings().getSQLState());
      }
      run(c, "");
      // From the fifth execution on the driver uses a named statement and asks for binary values.
      try (PreparedStatement p = c.prepareStatement("SELECT ?::int * 2, price, made, tags FROM items")) {
        for (int i = 0; i < 8; i++) {
          p.setInt(1, i);
          ResultSet r = p.executeQuery();
          r.next();
          show("run", r.getInt(1) + " " + r.getBigDecimal(2) + " " + r.getTimestamp(3).toInstant() + " " + r.getArray(4));
        }
      }
    }
  }

  static void errors() throws Exception {
    try (Connection c = connect()) {
      refused("syntax", () -> run(c, "SELEC 1"));
      refused("unique", () -> run(c, "INSERT INTO items (name) VALUES ('zwölf')"));
      refused("check", () -> {
        try (PreparedStatement p = c.prepareStatement("INSERT INTO items (id, name, price) VALUES (-1, 'ä', ?)")) {
          p.setInt(1, -1);
          p.executeUpdate();
        }
      });
      refused("several", () -> run(c, "SELECT 1; SELECT 1/0; SELECT 2"));
      c.setAutoCommit(false);
      refused("fails", () -> run(c, "SELECT 1/0"));
      refused("failed transaction", () -> run(c, "SELECT 1"));
      c.rollback();
      Savepoint s = c.setSavepoint("here");
      run(c, "INSERT INTO items (name) VALUES ('gone')");
      c.rollback(s);
      c.commit();
      show("rows", one(c, "SELECT count(*) FROM items"));
      c.rollback();
      c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      c.setReadOnly(true);
      refused("read only", () -> run(c, "DELETE FROM items"));
      c.rollback();
    }
    try (Connection c = connect("autosave", "always")) {
      c.setAutoCommit(false);
      run(c, "INSERT INTO items (name) VALUES ('saved')");
      refused("fails", () -> run(c, "SELECT 1/0"));
      show("lives", one(c, "SELECT name FROM items WHERE name = 'saved'"));
      c.rollback();
    }
  }

  static void batches() throws Exception {
    for (String rewrite : new String[] {"false", "true"}) {
      try (Connection c = connect("reWriteBatchedInserts", rewrite)) {
        c.setAutoCommit(false);
        try (PreparedStatement p = c.prepareStatement("INSERT INTO items (name, price) VALUES (?, ?)")) {
          for (int i = 0; i < 1000; i++) {
            p.setString(1, "batch " + i);
            p.setInt(2, i);
            p.addBatch();
          }
          show("batch", p.executeBatch().length);
        }
        show("sum", one(c, "SELECT sum(price) FROM items WHERE name LIKE 'batch%'"));
        try (Statement s = c.createStatement()) {
          s.addBatch("UPDATE items SET price = 1 WHERE name = 'batch 1'");
          s.addBatch("DELETE FROM items WHERE id < 0");
          s.addBatch("INSERT INTO items (name) VALUES ('last')");
          show("mixed", Arrays.toString(s.executeBatch()));
        }
        c.rollback();
        refused("batch that fails", () -> {
          try (PreparedStatement p = c.prepareStatement("INSERT INTO items (name) VALUES (?)")) {
            for (String name : new String[] {"new", "newer", "zwölf", "newest"}) {
              p.setString(1, name);
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
      CopyManager copy = c.unwrap(PGConnection.class).getCopyAPI();
      StringBuilder lines = new StringBuilder();
      for (int i = 0; i < 20000; i++) lines.append(i).append('\t').append("x".repeat(i % 80)).append('\n');
      show("in", copy.copyIn("COPY lines FROM STDIN", new StringReader(lines.toString())));
      StringWriter out = new StringWriter();
      show("out", copy.copyOut("COPY (SELECT * FROM lines WHERE a < 4 ORDER BY a) TO STDOUT WITH CSV HEADER", out));
      show("csv", out.toString().replace("\n", "|"));
      refused("bad data", () -> copy.copyIn("COPY lines FROM STDIN", new ByteArrayInputStream("x\ty\n".repeat(50000).getBytes(StandardCharsets.UTF_8))));
      var given = copy.copyIn("COPY lines FROM STDIN");
      byte[] row = "1\tone\n".getBytes(StandardCharsets.UTF_8);
      given.writeToCopy(row, 0, row.length);
      refused("given up", () -> given.cancelCopy());
      refused("no copy", () -> copy.copyOut("SELECT 1", new StringWriter()));
      show("rows", one(c, "SELECT count(*) FROM lines"));
      run(c, "TRUNCATE lines");
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
        s.execute("DELETE FROM items");
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
    parts.put("notifications and cancel", JdbcClient::notificationsAndCancel);
    parts.put("large", JdbcClient::large);
    for (var part : parts.entrySet()) {
      System.out.println("== " + part.getKey());
      part.getValue().run();
    }
  }
}
