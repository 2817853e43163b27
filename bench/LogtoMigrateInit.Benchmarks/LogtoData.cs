using System.Globalization;
using LogtoMigrateInit.Fixtures;
using Npgsql;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>
/// Fills a seeded database with what years of use leave in it: users, and many times as many log entries, in the shapes that Logto writes.
/// Everything follows from the rows' numbers, so each run has the same data, and it compresses as real data does.
/// </summary>
internal static class LogtoData
{
    private const int UsersAtOnce = 20_000;

    /// <summary>So many sign in at the same time.</summary>
    private const int UsersInStep = 100;

    /// <summary>Without the indexes, which a dump does not hold.</summary>
    private const string BytesSql = "select sum(pg_table_size(oid))::bigint from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace";

    private const string Functions = """
        -- As Logto's own ids: lower-case letters and digits.
        create function pg_temp.id(seed text, length int) returns text language sql immutable parallel safe return
          substr(translate(lower(encode(sha256(convert_to(seed, 'UTF8')), 'base64')), '+/=', ''), 1, length);
        -- As tokens, salts and hashes.
        create function pg_temp.secret(seed text, length int) returns text language sql immutable parallel safe return
          substr(translate(encode(sha512(convert_to(seed, 'UTF8')), 'base64'), e'+/=\n', '-_'), 1, length);
        create function pg_temp.below(n bigint, seed int, bound int) returns int language sql immutable parallel safe return
          ((hashint8extended(n, seed) & 2147483647) % bound)::int;
        create function pg_temp.one_of(n bigint, seed int, choices text[]) returns text language sql immutable parallel safe return
          choices[1 + pg_temp.below(n, seed, cardinality(choices))];
        create function pg_temp.first_name(n bigint) returns text language sql immutable parallel safe return
          pg_temp.one_of(n, 1, '{Olivia,Noah,Emma,Liam,Wei,Fatima,José,Yuki,Ingrid,Mateusz,Aisha,Lukas,Chloé,Arjun,Sofia,Ivan,Mei,Omar,Hannah,Diego,Zoë,Kwame,Nour,Pavel,Linh,Amélie,Jonas,Priya,Tomás,Sana}');
        create function pg_temp.last_name(n bigint) returns text language sql immutable parallel safe return
          pg_temp.one_of(n, 2, '{Smith,Müller,García,Nguyen,Kowalski,Okafor,Tanaka,Rossi,Haddad,Novák,Silva,Johansson,Kim,Dubois,Patel,Ivanova,Wang,Jensen,Mendoza,Schneider,Costa,Yilmaz,Andersen,Moreau,Khan,Horvath,Lindqvist,Castro,Weber,Sato}');
        create function pg_temp.email(n bigint) returns text language sql immutable parallel safe return
          lower(translate(pg_temp.first_name(n) || '.' || pg_temp.last_name(n), 'éëüíáśó', 'eeuiaso')) || n || '@' || pg_temp.one_of(n, 3, '{gmail.com,outlook.com,example.com,example.org,corp.example.net,mail.example.de}');
        create temporary table agents as
          select row_number() over () - 1 as number, jsonb_build_object(
              'ua', format('Mozilla/5.0 (%s) AppleWebKit/%s (KHTML, like Gecko) %s', system, engine, format(product, version)),
              'browser', jsonb_build_object('name', browser, 'version', version || '.0.0.0', 'major', version::text),
              'engine', jsonb_build_object('name', case when engine = '537.36' then 'Blink' else 'WebKit' end, 'version', case when engine = '537.36' then version || '.0.0.0' else engine end),
              'os', jsonb_build_object('name', os, 'version', os_version), 'device', device, 'cpu', cpu) as agent
            from (values
                ('Windows NT 10.0; Win64; x64', '537.36', 'Chrome/%s.0.0.0 Safari/537.36', 'Chrome', 118, 138, 'Windows', '10', '{}'::jsonb, '{"architecture": "amd64"}'::jsonb),
                ('Macintosh; Intel Mac OS X 10_15_7', '537.36', 'Chrome/%s.0.0.0 Safari/537.36', 'Chrome', 120, 140, 'macOS', '10.15.7', '{"model": "Macintosh", "vendor": "Apple"}', '{}'),
                ('iPhone; CPU iPhone OS 17_5 like Mac OS X', '605.1.15', 'Version/%s.5 Mobile/15E148 Safari/604.1', 'Mobile Safari', 16, 18, 'iOS', '17.5', '{"type": "mobile", "model": "iPhone", "vendor": "Apple"}', '{}'),
                ('Linux; Android 14; SM-S918B', '537.36', 'Chrome/%s.0.0.0 Mobile Safari/537.36', 'Mobile Chrome', 115, 135, 'Android', '14', '{"type": "mobile", "model": "SM-S918B", "vendor": "Samsung"}', '{}'),
                ('Windows NT 10.0; Win64; x64', '537.36', 'Chrome/%s.0.0.0 Safari/537.36 Edg/%1$s.0.0.0', 'Edge', 119, 139, 'Windows', '10', '{}', '{"architecture": "amd64"}'),
                ('Macintosh; Intel Mac OS X 10_15_7', '605.1.15', 'Version/%s.4 Safari/605.1.15', 'Safari', 15, 17, 'macOS', '10.15.7', '{"model": "Macintosh", "vendor": "Apple"}', '{}')
              ) as known (system, engine, product, browser, first, last, os, os_version, device, cpu), generate_series(first, last) version;
        analyze agents;
        """;

    private const string Surroundings = """
        insert into roles (tenant_id, id, name, description) select 'default', pg_temp.id('role' || n, 21), 'role ' || n, 'What role ' || n || ' may do' from generate_series(0, 9) n on conflict do nothing;
        insert into organizations (tenant_id, id, name, description, custom_data)
          select 'default', pg_temp.id('organization' || n, 12), pg_temp.last_name(n) || ' & Partners', 'Customer ' || n, jsonb_build_object('plan', pg_temp.one_of(n, 6, '{free,pro,enterprise}'), 'seats', n * 5)
          from generate_series(0, 199) n on conflict do nothing;
        """;

    // ":first" and ":last" are the numbers of users.
    private const string Users = """
        insert into users (
            tenant_id, id, username, primary_email, primary_phone, password_encrypted, password_encryption_method, name, avatar, profile, application_id, identities, custom_data,
            logto_config, mfa_verifications, last_sign_in_at, created_at, updated_at)
          select 'default', pg_temp.id('user' || n, 12), 'user_' || n, pg_temp.email(n), case when n % 3 = 0 then '49151' || 10000000 + n end,
            '$argon2i$v=19$m=8192,t=8,p=1$' || pg_temp.secret('salt' || n, 22) || '$' || pg_temp.secret('hash' || n, 43), 'Argon2i',
            pg_temp.first_name(n) || ' ' || pg_temp.last_name(n),
            case when n % 2 = 0 then 'https://lh3.googleusercontent.com/a/' || pg_temp.secret('picture' || n, 76) || '=s96-c' end,
            jsonb_build_object('givenName', pg_temp.first_name(n), 'familyName', pg_temp.last_name(n), 'locale', pg_temp.one_of(n, 7, '{en,de,fr,es,ja,pt-BR,zh-CN}'), 'zoneinfo', pg_temp.one_of(n, 8, '{Europe/Berlin,America/New_York,Asia/Tokyo,America/Sao_Paulo,UTC}')),
            pg_temp.id('application' || n % 8, 21),
            case when n % 2 = 0 then jsonb_build_object('google', jsonb_build_object('userId', '1' || lpad((hashint8extended(n, 9) & 9007199254740991)::text, 20, '0'), 'details', jsonb_build_object(
                'id', '1' || lpad((hashint8extended(n, 9) & 9007199254740991)::text, 20, '0'), 'name', pg_temp.first_name(n) || ' ' || pg_temp.last_name(n), 'email', pg_temp.email(n),
                'avatar', 'https://lh3.googleusercontent.com/a/' || pg_temp.secret('picture' || n, 76) || '=s96-c',
                'rawData', jsonb_build_object('sub', '1' || lpad((hashint8extended(n, 9) & 9007199254740991)::text, 20, '0'), 'name', pg_temp.first_name(n) || ' ' || pg_temp.last_name(n),
                  'given_name', pg_temp.first_name(n), 'family_name', pg_temp.last_name(n), 'email', pg_temp.email(n), 'email_verified', true, 'picture', 'https://lh3.googleusercontent.com/a/' || pg_temp.secret('picture' || n, 76) || '=s96-c')))) else '{}' end,
            jsonb_build_object('plan', pg_temp.one_of(n, 10, '{free,pro,enterprise}'), 'stripeCustomerId', 'cus_' || pg_temp.secret('customer' || n, 14), 'onboarding', jsonb_build_object('completed', n % 5 > 0, 'source', pg_temp.one_of(n, 11, '{newsletter,search,friend,conference}')), 'marketing', n % 2 = 0),
            case when n % 10 = 0 then '{"mfa": {"skipped": true}}'::jsonb else '{}' end,
            case when n % 5 = 0 then jsonb_build_array(jsonb_build_object('id', pg_temp.id('totp' || n, 21), 'key', upper(pg_temp.id('key' || n, 32)), 'type', 'Totp', 'createdAt', '2025-03-01T08:30:12.345Z', 'lastUsedTimeStep', 58000000 + n)) else '[]' end,
            created + interval '200 days', created, created + interval '200 days'
          from generate_series(:first, :last) n, lateral (select timestamptz '2024-01-01' + n * interval '97.3 seconds' as created) _;
        """;

    private const string Memberships = """
        insert into users_roles (tenant_id, id, user_id, role_id)
          select 'default', pg_temp.id('users_role' || n, 21), pg_temp.id('user' || n, 12), pg_temp.id('role' || pg_temp.below(n, 12, 10), 21) from generate_series(:first, :last) n where n % 3 = 0;
        insert into organization_user_relations (tenant_id, organization_id, user_id)
          select 'default', pg_temp.id('organization' || pg_temp.below(n, 13, 200), 12), pg_temp.id('user' || n, 12) from generate_series(:first, :last) n where n % 2 = 0;
        insert into daily_active_users (id, tenant_id, user_id, date)
          select pg_temp.id('active' || n || '/' || day, 21), 'default', pg_temp.id('user' || n, 12), timestamptz '2024-06-01' + (n % 365 + day) * interval '1 day' from generate_series(:first, :last) n, generate_series(1, 2) day;
        insert into oidc_model_instances (tenant_id, model_name, id, payload, expires_at, consumed_at)
          select 'default', model, pg_temp.secret(model || n, 43),
            jsonb_build_object('iat', 1704067200 + n * 97, 'exp', 1705276800 + n * 97, 'kind', model, 'jti', pg_temp.secret(model || n, 43), 'accountId', pg_temp.id('user' || n, 12), 'clientId', pg_temp.id('application' || n % 8, 21),
              'grantId', pg_temp.secret('grant' || n, 43), 'sessionUid', pg_temp.secret('session' || n, 43)) ||
            case model
              when 'RefreshToken' then jsonb_build_object('gty', 'authorization_code', 'iiat', 1704067200 + n * 97, 'rotations', pg_temp.below(n, 14, 9), 'claims', jsonb_build_object('rejected', '[]'::jsonb), 'scope', 'openid offline_access profile email phone roles identities custom_data', 'expiresWithSession', false)
              else jsonb_build_object('openid', jsonb_build_object('scope', 'openid offline_access profile email phone roles identities custom_data'), 'resources', jsonb_build_object('https://api.example.com', 'read:orders write:orders read:invoices'))
            end,
            timestamptz '2024-01-15' + n * interval '97.3 seconds', case when model = 'RefreshToken' and n % 3 = 0 then timestamptz '2024-01-02' + n * interval '97.3 seconds' end
          from generate_series(:first, :last) n, unnest('{RefreshToken,Grant}'::text[]) model where n % 2 = 0;
        """;

    // A sign-in and its tokens leave ten entries, with those of other users between them: a hundred sign in at the same time.
    private const string Logs = """
        insert into logs (tenant_id, id, key, created_at, payload)
          select 'default', pg_temp.id('log' || n, 21), key, timestamptz '2024-01-01' + n * interval '9.73 seconds',
            jsonb_build_object(
              'ip', case when signin % 4 = 0 then '2001:db8:' || to_hex(pg_temp.below(signin, 15, 65536)) || '::' || to_hex(pg_temp.below(signin, 16, 65536)) else '203.0.' || pg_temp.below(signin, 15, 256) || '.' || pg_temp.below(signin, 16, 256) end,
              'key', key, 'result', case when step = 2 then 'Error' else 'Success' end, 'userAgent', agent->>'ua', 'userAgentParsed', agent, 'applicationId', pg_temp.id('application' || signin % 8, 21), 'sessionId', pg_temp.secret('session' || signin, 43)) ||
            case
              when step = 0 then jsonb_build_object('prompt', '{"name": "login", "details": {}, "reasons": ["login_prompt", "no_session"]}'::jsonb, 'params', jsonb_build_object(
                  'scope', 'openid offline_access profile email phone roles', 'state', pg_temp.secret('state' || n, 43), 'prompt', 'consent', 'resource', 'https://api.example.com', 'client_id', pg_temp.id('application' || signin % 8, 21),
                  'redirect_uri', 'https://app.example.com/callback', 'response_type', 'code', 'code_challenge', pg_temp.secret('challenge' || n, 43), 'code_challenge_method', 'S256'))
              when step = 2 then jsonb_build_object('userId', pg_temp.id('user' || signin, 12), 'verificationId', pg_temp.id('verification' || n, 21), 'identifier', jsonb_build_object('type', 'email', 'value', pg_temp.email(signin)), 'error', '{"name": "RequestError", "code": "session.invalid_credentials", "status": 422, "message": "Incorrect account or password. Please check your input.", "expose": true}'::jsonb)
              when step < 6 then jsonb_build_object('userId', pg_temp.id('user' || signin, 12), 'verificationId', pg_temp.id('verification' || n, 21), 'identifier', jsonb_build_object('type', 'email', 'value', pg_temp.email(signin)), 'interactionStorage', jsonb_build_object(
                  'interactionEvent', 'SignIn', 'userId', pg_temp.id('user' || signin, 12), 'profile', '{}'::jsonb, 'mfa', '{}'::jsonb, 'captcha', '{"verified": false, "skipped": true}'::jsonb, 'verificationRecords', jsonb_build_array(jsonb_build_object('id', pg_temp.id('verification' || n, 21), 'type', 'Password', 'verified', step > 3, 'identifier', jsonb_build_object('type', 'email', 'value', pg_temp.email(signin))))))
              else jsonb_build_object('userId', pg_temp.id('user' || signin, 12), 'tokenTypes', '["AccessToken", "RefreshToken", "IdToken"]'::jsonb, 'scope', 'openid offline_access profile email phone roles', 'params', jsonb_build_object(
                  'grant_type', case when step = 6 then 'authorization_code' else 'refresh_token' end, 'client_id', pg_temp.id('application' || signin % 8, 21), 'resource', 'https://api.example.com', case when step = 6 then 'code' else 'refresh_token' end, pg_temp.secret('code' || n, 43)))
            end
          from generate_series(:first * 10::bigint, :last * 10::bigint + 9) n, lateral (select n / 1000 * 100 + n % 100 as signin, (n / 100 % 10)::int as step) _, lateral (select pg_temp.below(signin, 4, 90) as known_agent) __ join agents on number = known_agent,
            lateral (select (array['Interaction.Create', 'Interaction.SignIn.Update', 'Interaction.SignIn.Verification.Password.Submit', 'Interaction.SignIn.Verification.Password.Submit', 'Interaction.SignIn.Identifier.Submit', 'Interaction.SignIn.Submit', 'ExchangeTokenBy.AuthorizationCode'])[1 + step] as known) ___,
            lateral (select coalesce(known, 'ExchangeTokenBy.RefreshToken') as key) ____;
        """;

    /// <summary>Fills it until its tables have this size, and brings it to the state that a running server's own upkeep brings it to.</summary>
    public static async Task FillAsync(PostgresServer server, string database, int megabytes)
    {
        await using (var connection = await server.OpenAsync(database))
        {
            // The rows refer to each other rightly; to check each of them would take longer than to make it.
            await ExecuteAsync(connection, $"set session_replication_role = replica; set synchronous_commit = off; {Functions} {Surroundings}");
            var bytes = await ReadAsync(connection, BytesSql);
            for (var users = (int)await ReadAsync(connection, "select count(*) from users"); bytes < megabytes * 1024L * 1024;)
            {
                var missing = users == 0 ? 0 : ((megabytes * 1024L * 1024) - bytes) * users / bytes;
                var more = (int)Math.Clamp((missing / UsersInStep) + 1, 1, UsersAtOnce / UsersInStep) * UsersInStep;
                await AddAsync(connection, users, users + more - 1);
                users += more;
                bytes = await ReadAsync(connection, BytesSql);
            }
        }

        foreach (var upkeep in new[] { "vacuum (freeze, analyze)", "checkpoint" })
        {
            await using var connection = await server.OpenAsync(database);
            await ExecuteAsync(connection, upkeep);
        }
    }

    /// <summary>The rows of all tables, and their size in megabytes.</summary>
    public static async Task<(long Rows, double Megabytes)> MeasureAsync(PostgresServer server, string database)
    {
        var counts = await server.QueryAsync<string>(database, "select format('select count(*) as rows from %I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'");
        return (
            await server.QuerySingleAsync<long>(database, $"select sum(rows)::bigint from ({string.Join(" union all ", counts)}) as tables"),
            await server.QuerySingleAsync<long>(database, BytesSql) / 1024.0 / 1024);
    }

    private static async Task AddAsync(NpgsqlConnection connection, int first, int last)
    {
        foreach (var sql in new[] { Users, Memberships, Logs })
        {
            await ExecuteAsync(connection, sql.Replace(":first", Number(first), StringComparison.Ordinal).Replace(":last", Number(last), StringComparison.Ordinal));
        }
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<long> ReadAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
    }
}
