-- What keys, users, teams and the gateway spent of their monthly budgets
-- The budgets are in the key store: `sekisho usage --report` adds them to each line.
SELECT
  CASE
    WHEN grouping(api_key_id) = 0 THEN 'key'
    WHEN grouping(person) = 0 THEN 'end_user'
    WHEN grouping(team) = 0 THEN 'team'
    ELSE 'gateway'
  END AS scope,
  coalesce(api_key_id, person, team, '') AS id,
  CASE
    WHEN grouping(api_key_id) = 0 THEN max(api_key_alias)
    ELSE coalesce(person, team, '')
  END AS name,
  count(*) AS requests,
  coalesce(sum(billed_cost), 0) AS spent_usd,
  count(*) FILTER (WHERE NOT coalesce(is_priced, false)) AS unpriced
FROM (
  SELECT
    api_key_id,
    api_key_alias,
    CASE api_key_kind WHEN 'person' THEN owner WHEN 'frontend' THEN end_user_id END AS person,
    team,
    billed_cost,
    is_priced
  FROM llm_usage
  WHERE dt >= :first_day AND dt <= :last_day
    AND start_time >= :since AND start_time < :until
) AS spent
GROUP BY GROUPING SETS ((api_key_id), (person), (team), ())
HAVING grouping(api_key_id) + grouping(person) + grouping(team) = 3
  OR coalesce(api_key_id, person, team) IS NOT NULL
ORDER BY spent_usd DESC, scope, id
