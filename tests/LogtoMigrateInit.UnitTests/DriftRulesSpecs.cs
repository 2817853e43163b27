using LogtoMigrateInit.Drift;
using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What counts as drift; what each difference looks like on a real server is in DriftSpecs.</summary>
public sealed class DriftRulesSpecs
{
    private static readonly SchemaObject Users = new("table", "users", "users", "", null);

    [Fact]
    public void The_same_schema_has_no_drift() => Assert.Empty(SchemaDrift.Compare([Users], [Users]).Differences);

    [Fact]
    public void White_space_is_no_difference() =>
        Assert.Empty(SchemaDrift.Compare([Policy("using (a\n   AND b)")], [Policy("using (a AND b)")]).Differences);

    [Fact]
    public void Casts_between_text_types_which_a_restored_database_has_elsewhere_are_no_difference() =>
        Assert.Empty(SchemaDrift.Compare(
            [Policy("using (a::text = ANY (ARRAY['x'::character varying, 'y'::character varying]::text[]))")],
            [Policy("using (a::text = ANY (ARRAY['x'::character varying::text, 'y'::character varying(20)::text]))")]).Differences);

    [Fact]
    public void A_whole_table_that_is_missing_is_one_difference()
    {
        var column = new SchemaObject("column", "users", "users.id", "text", "alter table users add column id text");

        Assert.Equal([new SchemaDifference(Difference.Missing, "table", "users", "", null, null)], SchemaDrift.Compare([Users, column], []).Differences);
    }

    [Fact]
    public void A_table_that_is_not_Logtos_is_no_drift_whatever_it_has()
    {
        var own = new SchemaObject("table", "mine", "mine", "", null);
        var report = SchemaDrift.Compare([Users], [Users, own, new SchemaObject("column", "mine", "mine.id", "text", null), new SchemaObject("index", "mine", "mine_pkey on mine", "…", null)]);

        Assert.Empty(report.Differences);
        Assert.Equal(["table mine"], report.ForeignObjects);
    }

    [Fact]
    public void What_is_added_to_a_table_of_Logtos_is_drift_and_lacks_nothing()
    {
        var report = SchemaDrift.Compare([Users], [Users, new SchemaObject("index", "users", "mine on users", "…", null)]);

        Assert.Equal([Difference.Added], report.Differences.Select(difference => difference.What));
        Assert.False(report.LacksSomething);
    }

    [Fact]
    public void What_a_role_of_the_operators_may_do_is_no_drift() =>
        Assert.Empty(SchemaDrift.Compare([Users], [Users, new SchemaObject("grant", "users", "users to reporting", "select", null)]).Differences);

    /// <summary>PostgreSQL takes the rights on columns with the right on their table.</summary>
    [Fact]
    public void A_right_on_a_table_is_revoked_without_those_on_its_columns()
    {
        var column = new SchemaObject("grant", "users", "users.id to logto_tenant_x", "select", "grant select (id) on table users to logto_tenant_x");
        var other = new SchemaObject("grant", "users", "users.id to logto_tenant_y", "select", "grant select (id) on table users to logto_tenant_y");
        var added = new SchemaObject("grant", "users", "users to logto_tenant_x", "select", "grant select on table users to logto_tenant_x");

        Assert.Equal(
            "revoke select on table users from logto_tenant_x; grant select (id) on table users to logto_tenant_x",
            Assert.Single(SchemaDrift.Compare([Users, column, other], [Users, column, other, added]).Differences).Sql);
    }

    [Fact]
    public void Logtos_roles_may_use_its_schema_themselves_and_no_more()
    {
        var use = new SchemaObject("grant", null, "schema public to logto_tenant_x", "usage", "grant usage on schema public to logto_tenant_x");

        Assert.Empty(SchemaDrift.Compare([Users], [Users, use]).Differences);
        Assert.Single(SchemaDrift.Compare([Users], [Users, use with { Definition = "create, usage" }]).Differences);
    }

    [Fact]
    public void A_long_definition_is_in_no_phrase_for_the_log_and_its_difference_is()
    {
        var expected = new string('x', 101);

        Assert.Equal("trigger a on b differs: (disabled)", DriftText.Short(new SchemaDifference(Difference.Different, "trigger", "a on b", expected, $"{expected} (disabled)", null)));
        Assert.Equal("policy a on b is another one", DriftText.Short(new SchemaDifference(Difference.Different, "policy", "a on b", expected, "y", null)));
    }

    [Fact]
    public void One_owner_for_all_is_no_drift_whoever_it_is()
    {
        SchemaObject Owner(string table, string owner) => new("owner", table, table, owner, $"alter table {table} owner to {owner}");

        Assert.Empty(SchemaDrift.Compare([Owner("a", "seeder"), Owner("b", "seeder")], [Owner("a", "logto"), Owner("b", "logto")]).Differences);
        Assert.Equal(
            [("c", "alter table c owner to \"logto\"")],
            SchemaDrift.Compare([Owner("a", "s"), Owner("b", "s"), Owner("c", "s")], [Owner("a", "logto"), Owner("b", "logto"), Owner("c", "other")]).Differences.Select(difference => (difference.Name, difference.Sql!)));
    }

    [Theory]
    [InlineData("\"logto_tenant_my-db\"", "\"logto_tenant_my-db\"")]
    [InlineData("logto_tenant_my_db_scratch_0011223344556677", "\"logto_tenant_my-db\"")]
    [InlineData("\"logto_tenant_my-db_scratch_0011223344556677\"", "logto_tenant_renamed")]
    [InlineData("logto_tenant_x", "\"logto_tenant_a\"\"$$\"")]
    public void Logtos_roles_are_compared_without_the_name_of_their_database_and_keep_their_real_names(string own, string parent)
    {
        var found = SchemaDrift.WithRoles([new SchemaObject("grant", "users", $"users to {own}", "select", $"grant select on table users to {own}")], parent).Single();

        Assert.Equal(($"users to {parent}", $"grant select on table users to {parent}"), (found.Name, found.Sql));
    }

    [Fact]
    public void SQL_that_needs_what_is_missing_is_not_printed()
    {
        SchemaObject[] expected =
        [
            Users, new("column", "users", "users.type", "text not null", null), new("index", "users", "users__type on users", "…", "CREATE INDEX users__type ON users USING btree (type)"),
            new("index", "users", "users__id on users", "…", "CREATE INDEX users__id ON users USING btree (id)"),
        ];

        Assert.Equal(["column users.type ", "index users__id on users CREATE INDEX users__id ON users USING btree (id)", "index users__type on users "], SchemaDrift.Compare(expected, [Users]).Differences.Select(each => $"{each.Kind} {each.Name} {each.Sql}"));
    }

    [Theory]
    [InlineData("select", "select, update with grant option", "revoke update on table users from public")]
    [InlineData("select", "select with grant option", "revoke grant option for select on table users from public")]
    [InlineData("select, update", "delete, select with grant option", "revoke grant option for select on table users from public; revoke delete on table users from public; grant update on table users to public")]
    [InlineData("select", "select, update granted by other", null)]
    public void Rights_are_taken_back_and_granted_one_by_one(string expected, string found, string? sql)
    {
        SchemaObject Grant(string definition) => new("grant", "users", "users to public", definition, $"grant {definition} on table users to public");

        Assert.Equal(sql, SchemaDrift.Compare([Users, Grant(expected)], [Users, Grant(found)]).Differences.Single().Sql);
    }

    [Fact]
    public void Rights_of_the_owner_are_given_back_to_the_owner_of_the_real_database()
    {
        SchemaObject Owner(string name) => new("owner", "users", "users", name, $"alter table users owner to {name}");
        var lost = new SchemaObject("grant", "users", "users to its owner", "select", "grant select on table users to scratch_user");

        Assert.Equal("grant select on table users to \"logto\"", SchemaDrift.Compare([Users, Owner("scratch_user"), lost], [Users, Owner("logto")]).Differences.Single().Sql);
    }

    [Theory]
    [InlineData("'a', 'b', 'c'", "'a', 'c'", "alter type t add value 'b' after 'a'")]
    [InlineData("'a', 'b', 'c'", "'b'", "alter type t add value 'a' before 'b'; alter type t add value 'c' after 'b'")]
    [InlineData("'a', 'b'", "'b', 'a'", null)]
    [InlineData("'a'", "'a', 'z'", null)]
    public void Values_are_added_to_an_enum_where_they_belong_and_nothing_else_is_certain(string expected, string found, string? sql) =>
        Assert.Equal(sql, SchemaDrift.Compare([new SchemaObject("enum", null, "t", expected, null)], [new SchemaObject("enum", null, "t", found, null)]).Differences.Single().Sql);

    [Fact]
    public void A_statement_goes_on_one_line_and_its_names_and_literals_stay() =>
        Assert.Equal("""grant x to "two  blanks" 'it''s  so' end""", DriftText.Line("grant x\n   to \"two  blanks\" 'it''s  so'\n end "));

    [Theory]
    [InlineData("grant", "f() to public", false)]
    [InlineData("grant", "users to its owner", false)]
    [InlineData("storage parameters", "logs", false)]
    [InlineData("grant", "users to logto_tenant_x", true)]
    [InlineData("index", "users__id on users", true)]
    public void A_deploy_is_not_refused_for_what_the_operator_decides(string kind, string name, bool lacks) =>
        Assert.Equal(lacks, new DriftReport([new SchemaDifference(Difference.Missing, kind, name, "", null, null)], [], 1).LacksSomething);

    private static SchemaObject Policy(string definition) => new("policy", "users", "p on users", definition, null);
}
