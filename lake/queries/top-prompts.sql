-- The dearest prompts: requests that begin with the same message (often an app's system prompt)
-- Where only hashes are logged, the hash stands for the message. In Athena this is the one report
-- that reads prompts, and so the one that costs more than cents.
SELECT
  CASE
    WHEN p.request_id IS NULL THEN '(not logged)'
    ELSE coalesce(
      substr(json_extract_scalar(p.gen_ai_input_messages, '$[0].parts[0].content'), 1, 120),
      json_extract_scalar(p.gen_ai_input_messages, '$[0].parts[0].hash'),
      '(no text)'
    )
  END AS first_message,
  count(*) AS requests,
  count(DISTINCT coalesce(u.end_user_email, u.end_user_id, u.owner)) AS users,
  sum(u.gen_ai_usage_input_tokens) AS input_tokens,
  sum(u.billed_cost) AS cost_usd
FROM llm_usage AS u
LEFT JOIN (
  SELECT request_id, gen_ai_input_messages
  FROM llm_payload
  WHERE dt >= :first_day AND dt <= :last_day
) AS p
  ON p.request_id = u.request_id
WHERE u.dt >= :first_day AND u.dt <= :last_day
  AND u.start_time >= :since AND u.start_time < :until
GROUP BY 1
ORDER BY cost_usd DESC NULLS LAST, 1
LIMIT 50
